"""What a person reads at the end of a build."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from support.planning import ROOT, facts_of, profile_of

from releaser.build.publish.built import Built
from releaser.cli.output.live_report import LiveReport
from releaser.cli.output.progress import report_for
from releaser.cli.output.report import PlainReport, SilentReport
from releaser.cli.output.summary import built_lines, plan_lines, shown, size
from releaser.plan.make import make_plan

SHOW_CURSOR = "\x1b[?25h"


def test_the_end_says_what_where_how_large_and_how_to_run_it() -> None:
    plan = make_plan(profile_of(), facts_of())
    built = Built(folder=plan.published, folder_bytes=57_600_000, archive=plan.archive, archive_bytes=812, warnings=())
    assert built_lines(plan, built, 4.26, ROOT) == [
        "built shop 1.4.0 for prod in 4.3 s",
        "  _build/prod/rel/shop/            57.6 MB",
        "  _build/prod/shop-1.4.0.tar.gz  812 bytes",
        "",
        "  run it:    _build/prod/rel/shop/bin/shop foreground",
        "  the rest:  _build/prod/rel/shop/bin/shop help",
    ]


def test_a_plan_ends_with_what_it_makes() -> None:
    lines = plan_lines(make_plan(profile_of(dev_mode=True), facts_of()), ROOT)
    assert lines[0] == "shop 1.4.0 for prod, Python 3.11.7"
    assert lines[-1] == "  makes _build/prod/rel/shop/"


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 bytes"), (1000, "1.0 kB"), (57_600_000, "57.6 MB"), (3 * 10**9, "3.0 GB")]
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_a_path_far_away_is_shown_whole() -> None:
    assert shown(Path("/a/b/c"), Path("/a/b")) == "c"
    assert shown(Path("/a/b/c"), Path("/a/x")) == "../b/c"
    assert shown(Path("/a/b/c"), Path("/q/r/s")) == "/a/b/c"


def text_of(report_kind: type[PlainReport], *, verbose: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=60, force_terminal=True, color_system=None)
    with LiveReport(console, verbose) if report_kind is LiveReport else PlainReport(stream, verbose) as report:
        report.step("install [bold]")
        report.command("uv pip install")
        report.output("Resolved")
        report.note("a note that is longer than the terminal is wide, and so is broken")
    return stream.getvalue()


def test_in_a_pipe_lines_are_as_they_are() -> None:
    note = "    a note that is longer than the terminal is wide, and so is broken\n"
    assert text_of(PlainReport, verbose=False) == "* install [bold]\n" + note
    assert text_of(PlainReport, verbose=True) == "* install [bold]\n> uv pip install\n< Resolved\n" + note


def test_on_a_terminal_a_note_follows_its_step() -> None:
    text = text_of(LiveReport, verbose=False)
    assert text.index("* install [bold]") < text.index("    a note that is longer")
    assert all(len(line) <= 60 for line in text.splitlines() if "note" in line)


def test_on_a_terminal_nothing_is_drawn_while_another_program_asks() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=60, force_terminal=True, color_system=None)
    with LiveReport(console, False) as report:
        report.step("sign")
        report.give_way()
        drawn = stream.getvalue()
        report.step("publish")
    assert drawn.endswith("- sign\n")
    assert SHOW_CURSOR in drawn
    assert "* publish" in stream.getvalue()


def test_where_output_goes_decides_how_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert type(report_for(io.StringIO(), verbose=False, quiet=False)) is PlainReport
    assert type(report_for(Terminal(), verbose=False, quiet=False)) is LiveReport
    assert type(report_for(Terminal(), verbose=False, quiet=True)) is SilentReport
