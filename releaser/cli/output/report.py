"""How does a build's progress look? Plain lines in a pipe, nothing with `-q`; on a terminal it is a `LiveReport`."""

from __future__ import annotations

from types import TracebackType
from typing import IO

from releaser.cli.output.heard import heard


class PlainReport:
    """Lines for a pipe or a log: `* step`, and with `-v` `> command` and `< its output`."""

    def __init__(self, stream: IO[str], verbose: bool) -> None:
        self._stream = heard(stream)
        self._verbose = verbose

    def __enter__(self) -> PlainReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise `Unwritten` if what was carried out could not be told."""
        if kind is None:
            self._stream.check()

    def step(self, text: str) -> None:
        self._line(f"* {text}")

    def note(self, text: str) -> None:
        self._line(f"    {text}")

    def command(self, text: str) -> None:
        if self._verbose:
            self._line(f"> {text}", "dim")

    def output(self, line: str) -> None:
        if self._verbose:
            self._line(f"< {line}", "dim")

    def give_way(self) -> None:
        """Whatever was printed stays as it is."""

    def _line(self, text: str, style: str = "") -> None:
        """Print a line as it stands; a pipe has no styles."""
        print(text, file=self._stream, flush=True)


class SilentReport(PlainReport):
    """`-q`: only errors and warnings are printed, and those by others."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
