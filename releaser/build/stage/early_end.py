"""What is told of a build that ends early, and where can it not be interrupted?"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from releaser.build.tools.commands import INTERRUPTING
from releaser.errors import BuildError, ReleaserError, reason_of
from releaser.plan.plan import Plan


def what_is_there(plan: Plan, *, is_published: bool) -> str:
    """Return what an error or an interruption says to be true: which build is in the published folder."""
    shown = os.path.relpath(plan.published, plan.root)
    if is_published:
        return f"the new build is in {shown}"
    version = version_of(plan.published)
    if version:
        return f"the previous build, {version}, is in {shown} as it was"
    return f"nothing was built; there is no {shown}"


def version_of(published: Path) -> str:
    """Return the version that a published folder came with, or the empty text where there is none."""
    try:
        return (published / "releases" / "default").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@contextmanager
def telling(now: Callable[[], str]) -> Iterator[None]:
    """Let whatever ends the build early say what is true then."""
    try:
        yield
    except ReleaserError as error:
        error.now = now()
        raise
    except BaseException as interruption:
        interruption.add_note(now())
        raise


@contextmanager
def as_build_error(what: str) -> Iterator[None]:
    """Tell a full disk or a folder without permission as what it is: no bug, and no traceback."""
    try:
        yield
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        raise BuildError(f"cannot {what}: {reason_of(error)}{place}") from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Take an interruption that comes meanwhile afterwards: half of what is done here is worse than either end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
