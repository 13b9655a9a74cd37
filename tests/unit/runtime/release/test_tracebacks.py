from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

from releaser.runtime.bundle import calls
from releaser.runtime.release.tracebacks import format_exception, summary


def text_of(target: str) -> str:
    """Return what is shown of a call, whose traceback begins here: in the agent it begins in the runtime."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        calls.run(target, [], calls.TEXT)
    error = caught.value
    assert error.__traceback__ is not None
    return format_exception(error.with_traceback(error.__traceback__.tb_next))


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    (tmp_path / "failing.py").write_text(
        "def inner():\n    raise KeyError('k')\n"
        "def outer():\n    try:\n        inner()\n    except KeyError as e:\n        raise ValueError('v') from e\n"
        "async def later():\n    inner()\n"
    )
    (tmp_path / "unwritten.py").write_text("x = (\n")
    sys.modules.pop("failing", None)


def test_the_first_frame_is_the_authors() -> None:
    lines = text_of("failing:inner").splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('failing.py", line 2, in inner')
    assert lines[-1] == "KeyError: 'k'"


def test_causes_are_kept() -> None:
    text = text_of("failing:outer")
    assert "The above exception was the direct cause" in text
    assert text.index("KeyError: 'k'") < text.index("ValueError: v")
    assert "calls.py" not in text


def test_the_frames_of_asyncio_are_left_out() -> None:
    text = text_of("failing:later")
    assert 'failing.py", line 9, in later' in text
    assert "lib/python" not in text


def test_a_syntax_error_points_at_its_line() -> None:
    assert text_of("unwritten:x").splitlines()[0].endswith('unwritten.py", line 1')


def test_an_exception_without_the_authors_frames_is_its_last_line() -> None:
    assert text_of("builtins:open") == "TypeError: open() missing required argument 'file' (pos 1)\n"


def test_a_summary_is_one_line() -> None:
    assert summary(ValueError("a\nb")) == "ValueError: a"
    assert summary(asyncio.CancelledError()) == "CancelledError"
