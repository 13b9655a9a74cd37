"""Becomes another program that the kernel kills when the build dies: `python tethered.py BUILD_PID PROGRAM ...`.

A build that is killed with -9 cannot end its installer, which would go on writing into the staging folder while the
next build removes it. Run by path, as a program; standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(arguments[0]):
        sys.exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # blocked while the build began this process
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ignored by Python, and inherited by what it executes
    try:
        os.execvp(arguments[1], arguments[1:])
    except OSError as error:
        sys.exit(f"{arguments[1]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
