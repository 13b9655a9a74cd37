"""How does a build look on a terminal? The step under way has a spinner, the ones that are done their seconds."""

from __future__ import annotations

import textwrap
import time
from types import TracebackType

from rich.console import Console
from rich.status import Status
from rich.text import Text

from releaser.cli.output.report import PlainReport

_WIDEST = 80
_TOOK_COLUMNS = 9
_WORTH_TELLING_S = 0.05


class LiveReport(PlainReport):
    """On a terminal: the step under way has a spinner, the ones that are done stay, with their seconds."""

    def __init__(self, console: Console, verbose: bool) -> None:
        super().__init__(console.file, verbose)
        self._console = console
        self._status = Status("", console=console, spinner="line", refresh_per_second=10)
        self._width = min(console.width, _WIDEST) - 1
        self._step = ""
        self._notes: list[str] = []
        self._began = 0.0

    def __enter__(self) -> LiveReport:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the last step, or leave it as the one that failed, and give the terminal back."""
        self._status.stop()
        self._finish("*" if kind is None else "x", "" if kind is None else "red")
        super().__exit__(kind, error, trace)

    def step(self, text: str) -> None:
        self._finish("*", "")
        self._step, self._began = text, time.monotonic()
        self._status.update(Text(text))
        self._status.start()

    def give_way(self) -> None:
        """Leave the line to whoever asks: the spinner would wipe a question away."""
        self._status.stop()
        self._line(f"- {self._step}")

    def note(self, text: str) -> None:
        """Keep the note until its step has its line; before the first step there is nothing to wait for."""
        if self._step:
            self._notes.append(text)
        else:
            self._print_note(text)

    def _finish(self, mark: str, style: str) -> None:
        if self._step:
            seconds = time.monotonic() - self._began
            took = f"{seconds:.1f} s" if seconds >= _WORTH_TELLING_S else ""
            self._line(f"{mark} {self._step:<{self._width - 2 - _TOOK_COLUMNS}}{took:>{_TOOK_COLUMNS}}".rstrip(), style)
        for note in self._notes:
            self._print_note(note)
        self._step, self._notes = "", []

    def _print_note(self, note: str) -> None:
        for line in textwrap.wrap(note, self._width - 4, break_long_words=False, break_on_hyphens=False):
            self._line(f"    {line}")

    def _line(self, text: str, style: str = "") -> None:
        # As it stands: no markup, no line of ours broken at the width of the terminal, so that it can be copied.
        self._console.print(Text(text, style), soft_wrap=True)
