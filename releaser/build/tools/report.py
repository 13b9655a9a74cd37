"""Whom does a build tell what it is doing? The seam between the build and a terminal, a pipe, or a test."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """One register for steps, one for the commands they run, one for what those print."""

    def step(self, text: str) -> None:
        """A step begins; the one before it is done."""

    def note(self, text: str) -> None:
        """Something worth knowing happens within the step, waiting for example."""

    def command(self, text: str) -> None:
        """Another program is started."""

    def output(self, line: str) -> None:
        """The program printed a line."""

    def give_way(self) -> None:
        """Until the next step another program speaks with the person at the terminal: it may ask for a passphrase."""
