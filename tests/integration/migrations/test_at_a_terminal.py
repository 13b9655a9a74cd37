"""`bin/NAME migrate` at a terminal of 80 columns: a line at the bottom while a revision is applied, nothing after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.migrated import ACCOUNTS, revision
from support.terminal import CTRL_C, at_a_terminal

if TYPE_CHECKING:
    from conftest import Subject
    from support.handmade import Handmade

TITLE = "wait for a file, and say so in a title that is longer than what a terminal of 80 columns has room for"


def waiting(subject: Subject) -> Handmade:
    """Write a release whose second revision waits until there is a file `go`."""
    wait = revision(
        "b002",
        "a001",
        TITLE,
        "import os, time",
        'op.execute("UPDATE account SET balance = 1")',
        f"while not os.path.exists({str(subject.folder / 'go')!r}): time.sleep(0.05)",
    )
    return subject.release({"a001": ACCOUNTS["a001"], "b002": wait})


def test_a_bar_says_what_is_at_work_and_only_lines_stay(sqlite: Subject) -> None:
    release = waiting(sqlite)
    with at_a_terminal(release.command("migrate"), {**sqlite.environ, "TERM": "xterm"}, columns=80) as terminal:
        terminal.shows("[##########..........] 2/2 b002 wait for a file, and say so", within=60)
        terminal.shows(" s, 1 statement", within=60)
        assert terminal.screen[0].startswith("[1/2] a001 create account: done in ")
        assert len(terminal.screen[-1]) <= 79
        (sqlite.folder / "go").touch()
        assert terminal.wait(60) == 0
        first, second, last, cursor = terminal.screen
        assert first.startswith("[1/2] a001 create account: done in ")
        assert second.startswith(f"[2/2] b002 {TITLE}: done in ")
        assert (last, cursor) == ("database is at b002 (head): applied 2 revisions", "")


def test_ctrl_c_leaves_a_clean_terminal_and_says_where_the_database_is(sqlite: Subject) -> None:
    release = waiting(sqlite)
    with at_a_terminal(release.command("migrate"), {**sqlite.environ, "TERM": "xterm"}, columns=80) as terminal:
        terminal.shows("1 statement", within=60)
        terminal.shows("2/2 b002", within=60)
        terminal.type(CTRL_C)
        assert terminal.wait(60) == 130
        _, at_once, said, now, cursor = terminal.screen
        assert at_once == "interrupted by SIGINT: rolls back b002; once more ends at once"
        assert said == f"error: revision b002 {TITLE} was interrupted by SIGINT"
        assert now == "  now: the database is at a001; this run applied 1 revision, b002 was rolled back"
        assert cursor == ""


def test_where_no_colour_is_wanted_each_revision_is_a_line(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS)
    environ = {**sqlite.environ, "TERM": "xterm", "NO_COLOR": "1"}
    with at_a_terminal(release.command("migrate"), environ, columns=80) as terminal:
        assert terminal.wait(60) == 0
        assert terminal.screen[0] == "[1/3] a001 create account ..."
