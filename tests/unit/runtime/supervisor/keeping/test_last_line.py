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


def test_of_a_hundred_equal_tracebacks_the_error_is_told_once(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    last = LastLine(str(log))
    last.begin()
    one = "[{0}] booting worker\nTraceback (most recent call last):\n  File 'a.py', line 1\n"
    one += "ModuleNotFoundError: No module named 'shop'\n[release] a line of ours: ValueError: no\n"
    log.write_text("".join(one.format(number) for number in range(100)) + "pkg.errors.SettingsError: no KEY {1}\n")
    assert last.errors() == ["ModuleNotFoundError: No module named 'shop'", "pkg.errors.SettingsError: no KEY {1}"]


def test_without_a_traceback_lines_that_complain_are_told_and_without_those_the_last_distinct_ones(
    tmp_path: Path,
) -> None:
    log = tmp_path / "app.log"
    last = LastLine(str(log))
    last.begin()
    log.write_text("".join(f"{number} waits\n" for number in range(9)) + "goes on\n")
    assert last.errors() == ["8 waits", "goes on"]
    log.write_text("hello\n2026-01-01 [ERROR] no database\n2026-01-02 [ERROR] no database\ngoes on\n")
    assert last.errors() == ["2026-01-02 [ERROR] no database"]
