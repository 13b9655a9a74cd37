"""Which lists of members are those of a release."""

from __future__ import annotations

import pytest

from releaser.runtime.archives.rules import Judge, Refused
from releaser.runtime.release.checking.record import FILE, FOLDER, LINK, OTHER, Member, quoted

D = Member(FOLDER, mode=0o755)
F = Member(FILE, mode=0o644)


def link(to: str) -> Member:
    return Member(LINK, link=to)


def judged(*members: tuple[str, Member], of_the_host: dict[str, str] | None = None) -> Judge:
    judge = Judge()
    for name, member in members:
        judge.admit(name, member)
    judge.check_links(of_the_host or {})
    return judge


RELEASE = (
    ("app", D),
    ("app/bin", D),
    ("app/bin/app", Member(FILE, mode=0o755)),
    ("app/releases", D),
    ("app/releases/default", F),
    ("app/releases/1.0.0", D),
    ("app/releases/1.0.0/share", D),
)


def test_a_release_is_admitted_with_links_inside_of_it() -> None:
    judge = judged(
        *RELEASE,
        ("app/releases/1.0.0/share/up", link("../../../bin/app")),
        ("app/releases/1.0.0/share/again", link("./up")),
        ("app/releases/1.0.0/share/dangling", link("nothing/there")),
    )
    assert (judge.name, judge.version) == ("app", "1.0.0")
    assert judge.members["bin/app"] is RELEASE[2][1]


V = "app/releases/1.0.0"
"""Where a version may hold what it likes."""
LADDER = (
    *RELEASE[3:6],
    (f"{V}/x", D),
    (f"{V}/x/y", D),
    (f"{V}/x/y/c", link("../../../..")),
    (f"{V}/x/y/d", link("c/..")),
    (f"{V}/x/y/e", link("d/..")),
)
"""Each link leads one folder higher than the one before it; by their texts none of them leaves."""


def in_version(*members: tuple[str, Member]) -> tuple[tuple[str, Member], ...]:
    return (*RELEASE[3:6], *((f"{V}/{name}", member) for name, member in members))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (LADDER, f"the link '{V}/x/y/d' leads out of it"),
        (
            (*LADDER[:-1], (f"{V}/x/y/d/ESCAPED", F)),
            f"'{V}/x/y/d/ESCAPED' would be unpacked through what is no folder of it",
        ),
        (in_version(("a", link("/etc"))), f"the link '{V}/a' leads out of it"),
        (in_version(("a", link("../../.."))), f"the link '{V}/a' leads out of it"),
        (in_version(("a", link("b")), ("b", link("/etc"))), "leads out of it"),
        (
            in_version(
                ("a", link("b/../../../../..")),
            ),
            f"the link '{V}/a' leads out of it",
        ),
        (in_version(("a", link("b")), ("b", link("a"))), f"the link '{V}/a' leads in a circle"),
        (in_version(("a", link("a"))), f"the link '{V}/a' leads in a circle"),
        (in_version(("a", link("../../var/x"))), f"the link '{V}/a' leads to what is the host's"),
        (in_version(("a", link("../../allowed_signers"))), f"the link '{V}/a' leads to what is the host's"),
        (in_version(("a", link(""))), f"the link '{V}/a' leads nowhere"),
        (in_version(("a", link("x\0y"))), f"'{V}/a' has a NUL byte in it"),
        (in_version(("a\0b", F)), f"'{V}/a?b' has a NUL byte in it"),
        (in_version(("a/b", F)), f"'{V}/a/b' would be unpacked through what is no folder of it"),
        (in_version(("a", F), ("a/b", F)), f"'{V}/a/b' would be unpacked through what is no folder of it"),
        (in_version(("a", link("x")), ("a/b", F)), f"'{V}/a/b' would be unpacked through what is no folder of it"),
        (in_version(("a", F), ("a", F)), f"'{V}/a' is in it twice"),
        (in_version(("a", D), ("a", D)), f"'{V}/a' is in it twice"),
        (in_version(("a", D), ("a", link("x"))), f"'{V}/a' is in it twice"),
        (in_version(("a", Member(OTHER))), f"'{V}/a' is neither a file, a folder nor a link"),
        (in_version(("a", Member(FILE, mode=0o4755))), f"'{V}/a' has mode 4755, and a release has 0755 and 0644"),
        (in_version(("a", Member(FILE, mode=0o666))), f"'{V}/a' has mode 0666, and a release has 0755 and 0644"),
        (in_version(("a", Member(FOLDER, mode=0o777))), f"'{V}/a' has mode 0777, and a release has 0755 and 0644"),
        ((("app", F),), "'app' is neither a file, a folder nor a link in its folder"),
        ((("", F),), "'' would be unpacked outside its folder"),
        ((("/app/a", F),), "'/app/a' would be unpacked outside its folder"),
        ((("app/../../a", F),), "'app/../../a' would be unpacked outside its folder"),
        ((("..", D),), "'..' would be unpacked outside its folder"),
        ((("./app/a", F),), "'./app/a' would be unpacked outside its folder"),
        ((("app//a", F),), "'app//a' is no plain path"),
        ((("app/./a", F),), "'app/./a' is no plain path"),
        ((("app", D), ("other/a", F)), "'other/a' would be unpacked outside its folder, which is 'app'"),
        (in_version(("n" * 256, F)), "has a name of more than 255 bytes in it"),
        (in_version(("\u00e4" + "n" * 254, F)), "has a name of more than 255 bytes in it"),
        (in_version(("n/" * 70 + "n", F)), "lies deeper than a file system allows"),
        (in_version(("/".join(["n" * 200] * 20), F)), "lies deeper than a file system allows"),
        (in_version(("a", link("n" * 256))), "has a name of more than 255 bytes in it"),
        ((("app/var", D),), "'app/var' is the host's, and not part of a release"),
        ((("app/allowed_signers", F),), "'app/allowed_signers' is the host's, and not part of a release"),
        ((("app/more", F),), "'app/more' is not what a release has there"),
        ((("app/more", D),), "'app/more' is not what a release has there"),
        ((("app/python-3.11", F),), "'app/python-3.11' is not what a release has there"),
        ((("app/bin", link("releases")),), "'app/bin' is not what a release has there"),
        ((("app/bin", D), ("app/bin/app", link("x"))), "'app/bin/app' is not what a release has there"),
        ((("app/bin", D), ("app/bin/app", F)), "'app/bin/app' is not what a release has there"),
        ((("app/bin", D), ("app/bin/more", F)), "'app/bin/more' is not what a release has there"),
        ((*RELEASE, ("app/releases/2.0.0", D)), "it holds more than one version"),
        ((("app/releases", D), ("app/releases/file", F)), "'app/releases/file' is not what a release has there"),
        ((("app/releases", D), ("app/releases/.unpack-1", D)), "is not what a release has there"),
        ((("app/releases", D), ("app/releases/default", D)), "'app/releases/default' is not what a release has there"),
        ((("app/releases", link("bin")),), "'app/releases' is not what a release has there"),
    ],
)
def test_what_no_release_holds_is_refused(members: tuple[tuple[str, Member], ...], said: str) -> None:
    with pytest.raises(Refused) as caught:
        judged(*members)
    assert said in str(caught.value)


def test_a_link_to_the_host_is_admitted_where_the_author_said_so_and_nowhere_else() -> None:
    place = "releases/1.0.0/share/uploads"
    members = (*RELEASE, (f"app/{place}", link("/var/lib/app")))
    judged(*members, of_the_host={place: "/var/lib/app"})
    for said in ({}, {place: "/etc"}, {"share/uploads": "/var/lib/app"}):
        with pytest.raises(Refused):
            judged(*members, of_the_host=said)
    with pytest.raises(Refused):  # not through it either
        judged(*members, ("app/releases/1.0.0/more", link("share/uploads/x")), of_the_host={place: "/var/lib/app"})
    with pytest.raises(Refused):  # and only to a place that is named from the top
        judged(*RELEASE, (f"app/{place}", link("../../../../x")), of_the_host={place: "../../../../x"})


def test_links_that_lead_on_and_on_are_given_up() -> None:
    chain = [(f"c{number}", link("./" * 1400 + f"c{number + 1}")) for number in range(38)]
    with pytest.raises(Refused, match="without end"):
        judged(*in_version(*chain, *((f"l{number}", link("c0")) for number in range(100))))


def test_a_release_has_a_launcher_and_a_runtime() -> None:
    with pytest.raises(Refused, match="it holds no bin/app"):
        judged(*RELEASE[3:]).check_whole()
    with pytest.raises(Refused, match=r"it holds no releases/1\.0\.0/runtime/__main__\.py"):
        judged(*RELEASE).check_whole()


def test_a_name_is_printed_without_codes_for_the_terminal_and_cut() -> None:
    assert quoted("a\x1b[31m\n") == "'a?[31m?'"
    assert len(quoted("n" * 5000)) < 220
