"""Which lists of members are those of a release."""

from __future__ import annotations

import pytest

from releaser.runtime.archive_rules import Judge, Refused, quoted
from releaser.runtime.record import FILE, FOLDER, LINK, OTHER, Member

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
    ("app/bin/app", F),
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
    assert judge.members["bin/app"] is F


LADDER = (
    ("app/x", D),
    ("app/x/y", D),
    ("app/x/y/c", link("../..")),
    ("app/x/y/d", link("c/..")),
    ("app/x/y/e", link("d/..")),
    ("app/x/y/f", link("e/..")),
)
"""Each link leads one folder higher than the one before it; by their texts none of them leaves."""


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (LADDER[:4], "the link 'app/x/y/d' leads out of it"),
        (LADDER, "leads out of it"),
        (
            (*LADDER[:4], ("app/x/y/d/ESCAPED", F)),
            "'app/x/y/d/ESCAPED' would be unpacked through what is no folder of it",
        ),
        ((("app/a", link("/etc")),), "the link 'app/a' leads out of it"),
        ((("app/a", link("..")),), "the link 'app/a' leads out of it"),
        ((("app/a", link("b")), ("app/b", link("/etc"))), "leads out of it"),
        ((("app/a", link("b/../..")),), "the link 'app/a' leads out of it"),
        ((("app/a", link("b")), ("app/b", link("a"))), "the link 'app/a' leads in a circle"),
        ((("app/a", link("a")),), "the link 'app/a' leads in a circle"),
        ((("app/a", link("")),), "the link 'app/a' leads nowhere"),
        ((("app/a", link("x\0y")),), "'app/a' has a NUL byte in it"),
        ((("app/a\0b", F),), "'app/a?b' has a NUL byte in it"),
        ((("app/a/b", F),), "'app/a/b' would be unpacked through what is no folder of it"),
        ((("app/a", F), ("app/a/b", F)), "'app/a/b' would be unpacked through what is no folder of it"),
        ((("app/a", link("x")), ("app/a/b", F)), "'app/a/b' would be unpacked through what is no folder of it"),
        ((("app/a", F), ("app/a", F)), "'app/a' is in it twice"),
        ((("app/a", D), ("app/a", D)), "'app/a' is in it twice"),
        ((("app/a", D), ("app/a", link("x"))), "'app/a' is in it twice"),
        ((("app/a", Member(OTHER)),), "'app/a' is neither a file, a folder nor a link"),
        ((("app", F),), "'app' is neither a file, a folder nor a link in its folder"),
        ((("", F),), "'' would be unpacked outside its folder"),
        ((("/app/a", F),), "'/app/a' would be unpacked outside its folder"),
        ((("app/../../a", F),), "'app/../../a' would be unpacked outside its folder"),
        ((("..", D),), "'..' would be unpacked outside its folder"),
        ((("./app/a", F),), "'./app/a' would be unpacked outside its folder"),
        ((("app//a", F),), "'app//a' is no plain path"),
        ((("app/./a", F),), "'app/./a' is no plain path"),
        ((("app", D), ("other/a", F)), "'other/a' would be unpacked outside its folder, which is 'app'"),
        ((("app/" + "n" * 256, F),), "has a name of more than 255 bytes in it"),
        ((("app/\u00e4" + "n" * 254, F),), "has a name of more than 255 bytes in it"),
        ((("app/" + "n/" * 70 + "n", F),), "lies deeper than a file system allows"),
        ((("app/" + "/".join(["n" * 200] * 20), F),), "lies deeper than a file system allows"),
        ((("app/a", link("n" * 256)),), "has a name of more than 255 bytes in it"),
        ((("app/var", D),), "'app/var' is the host's, and not part of a release"),
        ((("app/allowed_signers", F),), "'app/allowed_signers' is the host's, and not part of a release"),
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


def test_a_name_is_printed_without_codes_for_the_terminal_and_cut() -> None:
    assert quoted("a\x1b[31m\n") == "'a?[31m?'"
    assert len(quoted("n" * 5000)) < 220
