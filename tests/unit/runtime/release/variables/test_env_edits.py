"""What of an edited env.sh is carried over to another version, and when that would lose something."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.handmade import write_record, write_release

from releaser.runtime.release.context import Context
from releaser.runtime.release.failures import Failure
from releaser.runtime.release.layout import Layout
from releaser.runtime.release.variables.env_edits import Edits

BUILT = "# yours to edit\n"
EDITED = f"{BUILT}DATABASE_URL=postgresql://secret@db\nexport PORT=8000\n. /etc/app/more\n"


def context(root: Path, version: str, built: str, now: str | None = None, *, is_recorded: bool = True) -> Context:
    """Write a version whose env.sh was built as `built`, and is `now` today."""
    release = write_release(root, modules={}, version=version)
    if is_recorded:
        (root / "releases" / version / "env.sh").write_text(built)
        write_record(root, version)
    (root / "releases" / version / "env.sh").write_text(built if now is None else now)
    return release.context({})


def edits(root: Path) -> Edits:
    return Edits(context(root, "3", BUILT), "1", "2")


def text(root: Path, version: str = "2") -> str:
    return (root / "releases" / version / "env.sh").read_text()


def test_what_was_edited_is_named_without_its_values(tmp_path: Path) -> None:
    context(tmp_path, "1", BUILT, EDITED)
    context(tmp_path, "2", BUILT)
    found = edits(tmp_path)
    assert found.is_missing()
    assert found.warning()[1] == "  it sets DATABASE_URL, PORT, more"
    assert "secret" not in "".join(found.warning())


@pytest.mark.parametrize("built", [BUILT, "# other words of a later releaser\n\n", ""])
def test_a_file_that_sets_nothing_is_replaced(tmp_path: Path, built: str) -> None:
    context(tmp_path, "1", BUILT, EDITED)
    context(tmp_path, "2", built)
    found = edits(tmp_path)
    found.carry_over()
    assert text(tmp_path) == EDITED
    assert not edits_again(tmp_path).is_missing()
    assert sorted(path.name for path in (tmp_path / "releases").iterdir()) == ["1", "2", "3", "default"]


def edits_again(root: Path) -> Edits:
    return Edits(Context(Layout(str(root), "3", str(root / "var")), "app", {}), "1", "2")


def test_the_same_settings_of_both_builds_are_those_that_were_edited(tmp_path: Path) -> None:
    context(tmp_path, "1", "PORT=1\n", "PORT=2\n")
    context(tmp_path, "2", "PORT=1\n")
    found = edits(tmp_path)
    found.carry_over()
    assert text(tmp_path) == "PORT=2\n"


@pytest.mark.parametrize(
    ("built", "now", "why"),
    [
        (BUILT, "PORT=9\n", "releases/2/env.sh was edited as well, differently"),
        ("PORT=9\n", None, "releases/2/env.sh has settings of its own"),
    ],
    ids=["edited", "built"],
)
def test_settings_of_the_other_version_are_not_lost(tmp_path: Path, built: str, now: str | None, why: str) -> None:
    context(tmp_path, "1", BUILT, EDITED)
    context(tmp_path, "2", built, now)
    found = edits(tmp_path)
    before = text(tmp_path)
    assert f"and {why}" in found.warning()[0]
    assert "diff" in found.warning()[-1]
    with pytest.raises(Failure, match=why) as refused:
        found.carry_over()
    assert refused.value.hint.startswith("`diff ")
    assert text(tmp_path) == before


def test_without_a_record_what_sets_nothing_was_not_edited(tmp_path: Path) -> None:
    context(tmp_path, "1", BUILT, is_recorded=False)
    context(tmp_path, "2", "# other words\n", is_recorded=False)
    assert not edits(tmp_path).is_missing()
    (tmp_path / "releases/1/env.sh").write_text(EDITED)
    again = edits_again(tmp_path)
    assert again.is_missing()
    again.carry_over()
    assert text(tmp_path) == EDITED


def test_a_file_that_is_gone_or_the_same_is_not_missing(tmp_path: Path) -> None:
    context(tmp_path, "1", BUILT, EDITED)
    context(tmp_path, "2", BUILT, EDITED)
    assert not edits(tmp_path).is_missing()
    (tmp_path / "releases/1/env.sh").unlink()
    assert not edits_again(tmp_path).is_missing()


def test_the_lasting_place_is_named_where_the_release_has_one(tmp_path: Path) -> None:
    context(tmp_path, "1", BUILT, EDITED)
    context(tmp_path, "2", BUILT)
    release = write_release(tmp_path, modules={}, version="3", env_file="-/etc/app/env")
    found = Edits(release.context({}), "1", "2")
    assert found.warning()[-1] == (
        "      hint: `app upgrade 2 --keep-env` carries it over; env_file, /etc/app/env, is read by every version"
    )


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("export GREETING=a SECRET=b", "GREETING, SECRET"),
        ("A=1 B='two words' C=\"x=y\"", "A, B, C"),
        ("A=1; B=2", "A, B"),
        ("A=1;export B", "A, B"),
        ("export A B=2 # C=3", "A, B"),
        ("A=b#c B=2", "A, B"),
        ("A=1 command", "more"),
        ("export -n A", "more"),
        (". /etc/app/more && A=1", "more, A"),
        ("A='begins here", "A"),
        ("   # A=1", ""),
        ("export", "more"),
    ],
)
def test_every_name_that_a_line_sets_is_told(tmp_path: Path, line: str, names: str) -> None:
    context(tmp_path, "1", BUILT, f"{line}\n")
    context(tmp_path, "2", BUILT)
    found = edits(tmp_path)
    assert ", ".join(found.names) == names
    assert [told for told in found.warning() if "it sets" in told] == ([f"  it sets {names}"] if names else [])
