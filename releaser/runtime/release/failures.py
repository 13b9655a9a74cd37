"""Failures of a running release that a person reads, and the exit codes that scripts read."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
DAMAGED = 3
"""The files of the release, or its configuration, are wrong."""
NOT_NOW = 4
"""The running system says no: not running, not ready, already running."""
BUG = 70


class Failure(Exception):
    """A failure that was expected: one message on standard error, no traceback.

    `message` says what did not happen and why, `details` are lines below it, `now` is what is true at this moment,
    `hint` what to do next if that is known.
    """

    def __init__(
        self,
        message: str,
        exit_code: int = FAILED,
        details: tuple[str, ...] = (),
        now: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.details = details
        self.now = now
        self.hint = hint

    def lines(self) -> list[str]:
        """Return the message as it is printed, one string a line."""
        lines = [f"error: {self.message}", *(f"  {detail}" for detail in self.details)]
        if self.now:
            lines.append(f"  now: {self.now}")
        if self.hint:
            lines.append(f"      hint: {self.hint}")
        return [on_one_line(line) for line in lines]


def on_one_line(text: str) -> str:
    """Return `text` without what ends a line or moves a cursor: it may come from a file, or be a name in an archive.

    Bytes of names that are not UTF-8 stay what they are.
    """
    return text if text.isprintable() else "".join(map(_shape, text))


def _shape(character: str) -> str:
    if character.isprintable() or character == "\t" or "\udc80" <= character <= "\udcff":
        return character
    return {"\n": "\\n", "\r": "\\r"}.get(character) or f"\\x{ord(character):02x}"


class MigrationFailed(RuntimeError):
    """The migration process ended with something else than success; `exit_code` is its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
