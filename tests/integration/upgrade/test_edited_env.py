"""An env.sh that was edited on the host, and another version: it is said, and carried over on `--keep-env`."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from support.running import Release
from support.waiting import eventually

Archive = Callable[..., Path]
WARNING = """\
warning: releases/{old}/env.sh was edited on this host, and releases/{new}/env.sh does not have that
  it sets GREETING
  now: a start of {new} goes without; both files are as they were
      hint: `tiny upgrade {new} --keep-env` carries it over; \
what `env_file` in rel/config.toml names is read by every version
"""
CARRIED = "releases/{old}/env.sh, edited on this host, is releases/{new}/env.sh now\n"


def settings(release: Release, version: str) -> Path:
    return release.root / "releases" / version / "env.sh"


def edit(release: Release, version: str, greeting: str = "hi") -> None:
    with settings(release, version).open("a") as file:
        file.write(f"export GREETING={greeting}\n")


def answer(release: Release) -> list[str]:
    """Return version's word and greeting, as a visitor of the running release sees them."""

    def ask() -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{release.env['PORT']}/") as page:
            word, _, *greeting = page.read().decode().split()
            return [word, *greeting]

    return eventually(ask)


def test_unpacking_says_what_the_new_version_will_not_have_and_the_hint_carries_it_over(
    release: Release, archive: Archive
) -> None:
    edit(release, "1.0.0")
    done = release.run("unpack", str(archive("2.0.0", "two")))
    assert (done.returncode, done.stderr) == (0, WARNING.format(old="1.0.0", new="2.0.0"))
    done = release.run("upgrade", "2.0.0", "--keep-env")
    assert (done.returncode, done.stderr.count("warning")) == (0, 0)
    assert done.stdout.startswith(CARRIED.format(old="1.0.0", new="2.0.0"))
    assert settings(release, "2.0.0").read_text() == settings(release, "1.0.0").read_text()
    assert release.run("verify").returncode == 0
    assert release.run("start").returncode == 0
    assert answer(release) == ["two", "hi"]


def test_unpacking_carries_it_over_and_then_nothing_more_is_said(release: Release, archive: Archive) -> None:
    edit(release, "1.0.0")
    settings(release, "1.0.0").chmod(0o640)
    done = release.run("unpack", str(archive("2.0.0", "two")), "--keep-env")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(CARRIED.format(old="1.0.0", new="2.0.0"))
    assert settings(release, "2.0.0").stat().st_mode & 0o777 == 0o640
    again = release.run("unpack", "--keep-env", str(archive("2.0.0", "two")))
    assert (again.returncode, again.stderr) == (0, "")
    assert "there already" in again.stdout
    done = release.run("upgrade", "2.0.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (release.root / "releases").iterdir()) == ["1.0.0", "2.0.0", "default"]


def test_what_was_not_edited_is_not_spoken_of(release: Release, archive: Archive) -> None:
    done = release.run("unpack", "--keep-env", str(archive("2.0.0", "two")))
    assert (done.returncode, done.stderr, "env.sh" in done.stdout) == (0, "", False)
    done = release.run("upgrade", "--keep-env", "2.0.0")
    assert (done.returncode, done.stderr, "env.sh" in done.stdout) == (0, "", False)


def test_a_running_release_gets_the_edits_that_were_carried_over(release: Release, archive: Archive) -> None:
    assert release.run("start").returncode == 0
    edit(release, "1.0.0")
    assert answer(release) == ["one"]
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    done = release.run("upgrade", "--keep-env", "2.0.0")
    assert done.returncode == 0, done.stderr
    assert answer(release) == ["two", "hi"]
    assert release.run("restart").returncode == 0
    assert answer(release) == ["two", "hi"]


def test_after_an_upgrade_without_them_the_hint_still_holds(release: Release, archive: Archive) -> None:
    edit(release, "1.0.0")
    assert release.run("start").returncode == 0
    release.run("unpack", str(archive("2.0.0", "two")))
    done = release.run("upgrade", "2.0.0")
    assert (done.returncode, WARNING.format(old="1.0.0", new="2.0.0") in done.stderr) == (0, True)
    assert release.run("restart").returncode == 0
    assert answer(release) == ["two"]
    done = release.run("upgrade", "2.0.0", "--keep-env")
    assert done.returncode == 0
    assert done.stdout == (
        CARRIED.format(old="1.0.0", new="2.0.0") + "tiny 2.0.0 runs already; `tiny restart` starts it with them\n"
    )
    assert release.run("restart").returncode == 0
    assert answer(release) == ["two", "hi"]


def test_rolling_back_says_what_the_older_version_will_not_have(release: Release, archive: Archive) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    assert release.run("upgrade", "2.0.0").returncode == 0
    edit(release, "2.0.0")
    done = release.run("rollback")
    assert (done.returncode, done.stderr) == (0, WARNING.format(old="2.0.0", new="1.0.0"))
    done = release.run("upgrade", "1.0.0", "--keep-env")
    assert done.returncode == 0
    assert settings(release, "1.0.0").read_text() == settings(release, "2.0.0").read_text()


def test_of_two_edited_files_neither_is_lost(release: Release, archive: Archive) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    edit(release, "1.0.0")
    edit(release, "2.0.0", "hello")
    before = [settings(release, version).read_text() for version in ("1.0.0", "2.0.0")]
    done = release.run("upgrade", "2.0.0", "--keep-env")
    first, second = (settings(release, version) for version in ("1.0.0", "2.0.0"))
    assert (done.returncode, done.stderr) == (
        1,
        "error: cannot carry releases/1.0.0/env.sh over: releases/2.0.0/env.sh was edited as well, differently\n"
        "  now: both files are as they were\n"
        f"      hint: `diff {first} {second}` shows what to write into the second one\n",
    )
    assert [settings(release, version).read_text() for version in ("1.0.0", "2.0.0")] == before
    assert release.run("version").stdout == "1.0.0\n"
    done = release.run("upgrade", "2.0.0")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "warning: releases/1.0.0/env.sh was edited on this host, "
        "and releases/2.0.0/env.sh was edited as well, differently\n"
    )


def test_the_python_that_an_edited_file_names_is_the_one_that_upgrades(release: Release, archive: Archive) -> None:
    python = Path(release.env.pop("RELEASE_PYTHON"))
    release.env["PATH"] = "/nowhere"
    with settings(release, "1.0.0").open("a") as file:
        file.write(f"PATH=/usr/bin:/bin\nRELEASE_PYTHON={python}\n")
    release.shell = ("/bin/sh",)
    assert release.run("unpack", "--keep-env", str(archive("2.0.0", "two"))).returncode == 0
    assert release.run("upgrade", "2.0.0").returncode == 0
    assert release.run("version").stdout == "2.0.0\n"


def test_help_names_the_option(release: Release) -> None:
    for command in ("unpack", "upgrade"):
        shown = release.run("help", command)
        assert (shown.returncode, "--keep-env" in shown.stdout) == (0, True)
        assert max(map(len, shown.stdout.splitlines())) <= 80
        refused = release.run(command, "--keep-env")
        assert (refused.returncode, "[--keep-env]" in refused.stderr) == (2, True)


@pytest.mark.parametrize("name", ["../var/evil", "../../evil", ".evil", "evil", "x" * 100_000, "1.0.0\0", "\udcff"])
@pytest.mark.parametrize("place", ["current", "previous"])
def test_a_file_from_elsewhere_is_not_taken_for_the_settings_of_a_version(
    release: Release, archive: Archive, place: str, name: str
) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    evil = release.var / "evil"
    evil.mkdir(parents=True)
    (evil / "env.sh").write_text(f"touch {release.scratch}/pwned\n")
    if place == "previous":
        (release.var / "current").write_text("2.0.0\n")
    file = release.var / place
    file.write_bytes(f"{name}\n".encode("utf-8", "surrogateescape"))
    before = settings(release, "2.0.0").read_text()
    done = release.run("upgrade", "2.0.0", "--keep-env")
    assert (done.returncode, done.stderr) == (
        3,
        f"error: cannot carry env.sh over: {file} names no version that is here\n"
        "  now: nothing was changed\n"
        f"      hint: {file} is to hold one line, the name of a version that is here: 1.0.0, 2.0.0\n",
    )
    assert settings(release, "2.0.0").read_text() == before
    if place == "previous" and name != "evil":
        refused = release.run("rollback")
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (
            3,
            f"error: cannot roll back tiny: {file} names no version",
        )
        assert refused.stderr.splitlines()[2] == done.stderr.splitlines()[2]
    file.write_text("1.0.0\n")
    assert release.run("upgrade", "2.0.0", "--keep-env").returncode == 0
    assert not (release.scratch / "pwned").exists()


@pytest.mark.parametrize("written", [b"1.0\0\n", b"\xff\x00\x01\n", b"x" * 100_000, b"../var/evil\n", None])
def test_an_upgrade_writes_a_bad_current_anew(release: Release, archive: Archive, written: bytes | None) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    release.var.mkdir(exist_ok=True)
    current = release.var / "current"
    if written is None:
        current.symlink_to("current")
    else:
        current.write_bytes(written)
    done = release.run("upgrade", "2.0.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "tiny 2.0.0 is current; it does not run, `tiny start` starts it\n"
    assert current.read_text() == "2.0.0\n"
    assert not (release.var / "previous").exists()
    assert release.run("version").stdout == "2.0.0\n"


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_a_folder_in_the_place_of_env_sh_is_told_before_anything_happens(
    release: Release, archive: Archive, version: str
) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    edit(release, "1.0.0")
    settings(release, version).unlink()
    settings(release, version).mkdir()
    done = release.run("upgrade", "2.0.0", "--keep-env")
    assert done.returncode == 3
    assert f"error: cannot read {settings(release, version)}: it is not a " in done.stderr
    assert len(done.stderr.splitlines()) == 3
    assert release.run("version").stdout == "1.0.0\n"
    hint = done.stderr.partition("hint: `")[2].partition("`")[0]
    assert subprocess.run(hint, shell=True, check=False).returncode == 0
    assert release.run("upgrade", "2.0.0", "--keep-env").returncode == 0


def test_a_folder_in_the_place_of_what_runs_has_nothing_unpacked(release: Release, archive: Archive) -> None:
    assert release.run("start").returncode == 0
    release.run("unpack", str(archive("2.0.0", "two")))
    (release.var / "current").write_text("2.0.0\n")
    settings(release, "1.0.0").unlink()
    settings(release, "1.0.0").mkdir()
    for words in ((), ("--keep-env",)):
        done = release.run("unpack", *words, str(archive("3.0.0", "three")))
        assert done.returncode == 3
        assert "it is not a regular file\n  now: nothing was unpacked\n" in done.stderr
    assert not (release.root / "releases/3.0.0").exists()
