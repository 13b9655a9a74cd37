"""Consoles as a person uses them: at a terminal, with keys."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.driving import Running, instance, is_serving
from support.handmade import Handmade, write_release
from support.terminal import CTRL_C, CTRL_D, TAB, UP, at_a_terminal
from support.waiting import eventually

APP = """
import threading

class Shop:
    sessions = 17
    def close_all(self): return "closed"
    @property
    def expensive(self): raise SystemError("was looked at")

shop = Shop()

def main():
    print("up", flush=True)
    threading.Event().wait()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Handmade, Running]]:
    release = write_release(tmp_path_factory.mktemp("r"), modules={"app.py": APP})
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        yield release, process


@pytest.fixture
def release(app: tuple[Handmade, Running]) -> Handmade:
    return app[0]


@pytest.fixture(params=["console", "remote_console"])
def command(request: pytest.FixtureRequest, release: Handmade) -> list[str]:
    return release.command(request.param)


def test_lines_are_read_and_values_shown(command: list[str]) -> None:
    with at_a_terminal(command) as terminal:
        terminal.shows(">>> ")
        terminal.type("import app\n")
        terminal.shows(">>> ")
        terminal.type("app.shop.sessions + 1\n")
        terminal.shows("\n18\n>>> ")
        terminal.type("for n in (1, 2):\n")
        terminal.shows("... ")
        terminal.type("    print(n * 100)\n\n")
        terminal.shows("\n100\n200\n>>> ")
        terminal.type("import asyncio\nawait asyncio.sleep(0, 'slept')\n")
        terminal.shows("\n'slept'\n>>> ")
        terminal.type("exit(3)\n")
        assert terminal.wait() == 3


def test_tab_completes_names_and_attributes(command: list[str]) -> None:
    with at_a_terminal(command) as terminal:
        terminal.shows(">>> ")
        terminal.type("import app\n")
        terminal.shows(">>> ")
        terminal.type(f"app.shop.clo{TAB})\n")
        terminal.shows("app.shop.close_all()")
        terminal.shows("'closed'\n>>> ")
        terminal.type(f"app.shop.{TAB}{TAB}")
        terminal.shows("app.shop.close_all(")
        terminal.shows("app.shop.expensive")
        terminal.shows("app.shop.sessions")
        assert "was looked at" not in terminal.text


def test_the_history_is_kept_beside_the_sockets_and_nowhere_else(
    command: list[str], release: Handmade, tmp_path: Path
) -> None:
    history = Path(release.layout.run, "console_history")
    history.unlink(missing_ok=True)
    with at_a_terminal(command, {"HOME": str(tmp_path)}) as terminal:
        terminal.shows(">>> ")
        terminal.type("40 + 2\n")
        terminal.shows("\n42\n>>> ")
        terminal.type(CTRL_D)
        assert terminal.wait() == 0
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == []
    with at_a_terminal(command) as terminal:
        terminal.shows(">>> ")
        terminal.type(f"{UP} + 1\n")
        terminal.shows("\n43\n>>> ")
        terminal.type(CTRL_D)
        assert terminal.wait() == 0
    assert history.read_text() == "40 + 2\n40 + 2 + 1\n"


def test_ctrl_c_drops_the_line_begun_and_interrupts_the_statement(command: list[str], tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with at_a_terminal(command) as terminal:
        terminal.shows(">>> ")
        terminal.type(f"half a li{CTRL_C}")
        terminal.shows("KeyboardInterrupt\n>>> ")
        terminal.type(f"while True:\n    open({str(begun)!r}, 'w').close()\n\n")
        eventually(begun.exists)
        terminal.type(CTRL_C)
        terminal.shows("KeyboardInterrupt")
        terminal.shows(">>> ")
        terminal.type("6 * 7\n")
        terminal.shows("\n42\n>>> ")


def test_ctrl_d_leaves_the_app_alone(app: tuple[Handmade, Running]) -> None:
    release, process = app
    with (
        at_a_terminal(release.command("remote_console")) as first,
        at_a_terminal(release.command("remote_console")) as second,
    ):
        first.shows(">>> ")
        second.shows(f"in the running app (pid {process.pid})")
        second.shows(">>> ")
        first.type(CTRL_D)
        assert first.wait() == 0
        second.type("6 * 7\n")
        second.shows("\n42\n>>> ")
    assert is_serving(release)
    assert process.process.poll() is None
