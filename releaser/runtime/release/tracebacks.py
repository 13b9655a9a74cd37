"""What a person sees of an exception in the app's code: its traceback without the frames that led there."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_NAMES = ("asyncio/", "concurrent/", "importlib/", "runpy.py", "codeop.py")
_PLUMBING = ("<frozen ", _OURS, *(_LIBRARY + name for name in _NAMES))


def trimmed(found: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins with the first frame that is neither ours nor plumbing."""
    while found is not None and found.tb_frame.f_code.co_filename.startswith(_PLUMBING):
        found = found.tb_next
    return found


def format_exception(error: BaseException) -> str:
    """Return the traceback as Python prints it, from the user's first frame on; without one, the last line alone."""
    import traceback

    return "".join(traceback.format_exception(type(error), error, trimmed(error.__traceback__)))


def whole(error: BaseException) -> str:
    """Return the traceback with the runtime's own frames: what failed is the runtime itself."""
    import traceback

    return "".join(traceback.format_exception(error))


def summary(error: BaseException) -> str:
    """Return the exception as one line: `ImportError: No module named 'x'`."""
    text = str(error).strip().partition("\n")[0]
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def last_place(error: BaseException) -> tuple[str, ...]:
    """Return where it was raised, as `path:line in function`: the last line of code that is not the runtime's."""
    trace = trimmed(error.__traceback__)
    if trace is None:
        return ()
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    return (f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}",)
