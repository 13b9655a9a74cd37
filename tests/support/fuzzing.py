"""What every target of `tests/fuzz` uses: how many examples, how long one may take, what is mutated, and what is kept.

The suite runs a bounded part, the same each time. `./dev fuzz` runs the same tests with other seeds, as often as its
time allows; it asks for more of them by the environment variables here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

FACTOR = "RELEASER_FUZZ_FACTOR"
"""How many times the examples of the suite are wanted; unset, the suite runs, and always with the same ones."""
REPORT = "RELEASER_FUZZ_REPORT"
"""File that a run of one target leaves its figures in."""
CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
KEPT = Path(__file__).parents[1] / "fuzz" / "corpus-new"
"""Where `./dev fuzz` leaves what it finds; not committed."""
LIMIT_S = 20.0
"""Of one example: far more than any takes, on any machine."""

_SLIPS = (b"\0", b"\xff", b"\n", b"\r", b"\x1b[2J", b"\xef\xbb\xbf")
ran = 0
"""Examples of this process so far."""


class Hang(AssertionError):
    """An example did not end by itself."""


def fuzzed(*drawn: st.SearchStrategy[Any], examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the decorator of a target's test, which the suite runs with so many `examples`."""
    factor = os.environ.get(FACTOR)
    chosen = settings(
        max_examples=max(1, round(examples * float(factor or 1))),
        derandomize=factor is None,
        database=DirectoryBasedExampleDatabase(str(KEPT / "examples")) if factor else None,
        deadline=None,
        print_blob=bool(factor),
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        decorated: Callable[..., None] = chosen(given(*drawn)(test))
        return decorated

    return decorate


@contextlib.contextmanager
def one_example() -> Iterator[None]:
    """Count one example, and end it as a failure if it does not end by itself."""
    global ran
    ran += 1

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hang(f"it goes on after {LIMIT_S:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kept_cases(target: str) -> list[Path]:
    """Return the files of the corpus of a target, each a case that was found once or that an issue names."""
    return sorted((CORPUS / target).glob("*"))


def mutated(originals: Sequence[bytes], tokens: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of one of `originals` with a few slips: bytes changed, cut, repeated, or `tokens` put in."""
    edits = st.lists(
        st.tuples(
            st.sampled_from(["insert", "replace", "delete", "repeat", "cut"]),
            st.integers(0, 1 << 20),
            st.integers(0, 1 << 10),
            st.sampled_from([*tokens, b"\0", b"\xff", b"\n", b"\r", b"\x1b[2J", b"\xef\xbb\xbf"])
            | st.binary(max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
    return st.builds(_edited, st.sampled_from(list(originals)), edits)


def _edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    for how, where, length, piece in edits:
        at = where % (len(data) + 1)
        end = min(len(data), at + length % 64)
        match how:
            case "insert":
                data = data[:at] + piece + data[at:]
            case "replace":
                data = data[:at] + piece + data[at + len(piece) :]
            case "delete":
                data = data[:at] + data[end:]
            case "repeat":
                data = data[:at] + data[at:end] * (length % 300) + data[end:]
            case _:
                data = data[:at]
    return data


def is_one_line(text: str) -> bool:
    """Tell whether a text can stand in one line of a message and move no cursor."""
    return all(character.isprintable() or character in "\t\u00a0" for character in text)


def write_report(failures: list[dict[str, str]]) -> None:
    """Leave the figures of this process where `./dev fuzz` reads them."""
    if path := os.environ.get(REPORT):
        Path(path).write_text(json.dumps({"examples": ran, "failures": failures}))


def called(main: Callable[[list[str]], int], *words: str) -> tuple[int, str]:
    """Return the exit code of a command's function, called in this process, and all that it has written."""
    printed = io.StringIO()
    with tempfile.TemporaryFile() as written:
        sys.stdout.flush()
        before = os.dup(1), os.dup(2)
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                code = main(list(words))
        finally:
            for descriptor, saved in zip((1, 2), before, strict=True):
                os.dup2(saved, descriptor)
                os.close(saved)
        written.seek(0)
        return code, printed.getvalue() + written.read().decode("utf-8", "replace")
