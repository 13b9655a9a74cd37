"""What becomes of a build whose progress cannot be written? It goes on, and that is told in the end."""

from __future__ import annotations

from typing import IO, Any, cast

from releaser.runtime.release import writing

DONE = "what it was to do is done"


class Heard:
    """A text stream that a full disk or a reader who has gone does not stop what is told through it.

    A plan that is half carried out because somebody closed a pipe would help nobody.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._failed: writing.Unwritten | None = None

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return self._stream.write(text)
        except writing.Unwritten as error:
            return self._lose(error, len(text))

    def flush(self) -> None:
        """Flush, or drop what is left."""
        try:
            self._stream.flush()
        except writing.Unwritten as error:
            self._lose(error, 0)

    def check(self) -> None:
        """Do nothing if everything was written.

        Raises:
            Unwritten: something was not.
        """
        if self._failed is not None:
            raise self._failed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lose(self, error: writing.Unwritten, result: int) -> int:
        self._failed = self._failed or error
        self._failed.now = DONE
        writing.drop(error.descriptor)
        return result


def heard(stream: IO[str]) -> Heard:
    """Return `stream` as one that does not stop what is told through it."""
    return stream if isinstance(stream, Heard) else Heard(stream)


def as_file(stream: IO[str]) -> IO[str]:
    """Return the same for whoever wants all of a file's methods."""
    return cast("IO[str]", heard(stream))
