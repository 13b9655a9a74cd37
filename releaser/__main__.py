"""Where does the command `releaser` begin? In a module that is quick to import: Ctrl-C is never a traceback.

from the first line of this module    "interrupted; nothing was begun", 130
while a command is carried out        what it has begun unwinds, and is told: see `releaser.cli.main`
once it is done                       its exit code
"""

from __future__ import annotations

import os
from _signal import SIGINT, SIGTERM, signal  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def _interrupted(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"interrupted; nothing was begun\n")
    finally:
        os._exit(128 + number)


_ENDING = (SIGINT, SIGTERM)
for _number in _ENDING:
    signal(_number, _interrupted)  # an effect of an import, of this one alone: what follows takes a while to import


def main() -> None:
    """Run the command line."""
    from releaser.runtime.release import writing

    writing.open_standard_descriptors()
    writing.take_over()
    from releaser.cli.main import main as run

    try:
        run()
    except SystemExit as ended:
        _keep(ended.code)
        raise


def _keep(code: object) -> None:
    """Let a signal that comes while the interpreter ends change nothing: what was to be done is done."""
    for number in _ENDING:
        signal(number, lambda number, frame: os._exit(code if isinstance(code, int) else 0))


if __name__ == "__main__":
    main()
