"""Where does the command `releaser` begin? In a module that is quick to import: Ctrl-C is never a traceback."""

from __future__ import annotations

import os
import signal
from types import FrameType

from releaser.runtime import writing


def main() -> None:
    """Run the command line; until that is imported, an interruption is told in one line as well."""
    writing.open_standard_descriptors()
    writing.take_over()
    before = {number: signal.signal(number, _interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    from releaser.cli.main import main as run

    for number, handler in before.items():
        signal.signal(number, handler)
    run()


def _interrupted(number: int, frame: FrameType | None) -> None:
    writing.tell(["interrupted; nothing was begun"])
    os._exit(128 + number)


if __name__ == "__main__":
    main()
