"""The last line of an instance in a log that others write to as well."""

from __future__ import annotations

from pathlib import Path

from releaser.runtime.supervisor.keeping.last_line import LastLine


def test_it_is_the_last_line_since_the_instance_began_that_is_not_the_supervisors(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("of the one before\n")
    last = LastLine(str(log))
    last.begin()
    assert last.read() == []
    with log.open("a") as file:
        file.write("starts\nno database  \n[release] the app exited with 1\n\n")
    assert last.read() == ["no database"]


def test_a_log_that_was_rotated_meanwhile_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("a long line of the file before\n")
    last = LastLine(str(log))
    last.begin()
    log.write_text("new\n")
    assert last.read() == ["new"]


def test_of_a_flood_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    last = LastLine(str(log))
    last.begin()
    log.write_text("x" * 100_000 + "\nthe end\n")
    assert last.read() == ["the end"]


def test_without_a_log_there_is_none(tmp_path: Path) -> None:
    for path in ("", str(tmp_path / "gone.log")):
        last = LastLine(path)
        last.begin()
        assert last.read() == []
