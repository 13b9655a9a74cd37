"""What may a revision not do while the build looks at it? Reach out, write, start a program.

Loaded by path by `probe.py` and `recorder.py`, and as they are: standard library only, nothing of releaser. Two layers,
since each knows something that the other does not::

    an audit hook      sees what Python is asked for, and names it: the file, the program, the address
    a system call filter   sees the drivers that are written in C, and children; connect(2) fails with EPERM

The filter is for Linux on x86-64 and arm64; where it cannot be set, the first layer is all there is. Writing and
starting are refused to the project's own code only: a library that looks for a shared object asks a program, and a
revision cannot help that.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

_REACHES = {
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
    *("socket.sendto", "socket.sendmsg", "socket.bind", "sqlite3.connect"),
}
_STARTS = {
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"),
}
_WRITES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.copytree"),
}
_STANDARD_LIBRARY = f"{Path(os.__file__).parent}{os.sep}"
_HERE = f"{Path(__file__).parent}{os.sep}"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CONNECT = {"x86_64": (0xC000003E, 42), "aarch64": (0xC00000B7, 203)}  # AUDIT_ARCH_*, __NR_connect
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2


class Refused(Exception):
    """A revision wanted what is not its own."""


class Guard:
    """Refuses from `close` on; `seen` is what the project's own code wanted, the author's `except` or not."""

    def __init__(self, site_packages: str, own: tuple[str, ...], when: str) -> None:
        """`own` are the modules of the project below `site_packages`; `when` ends the sentence."""
        self.seen: list[tuple[str, list[tuple[str, int]]]] = []  # the sentence; files and lines, innermost first
        self._packages = site_packages.rstrip(os.sep) + os.sep
        self._own = own
        self.when = when

    def close(self) -> None:
        """Refuse from here on, until the process ends."""
        sys.addaudithook(self._hear)
        filter_connect()

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _REACHES:
            what = "neither the network nor a database may be used"
        elif event in _STARTS:
            what = "no program may be started"
        elif event in _WRITES or (event == "open" and is_writing(*arguments)):
            what = "nothing may be written"
        else:
            return
        places = self._places()
        is_own = self._is_own(places)
        if not is_own and event not in _REACHES:
            return
        subject = arguments[0] if arguments and isinstance(arguments[0], (str, bytes)) else ""
        sentence = f"{event} {os.fsdecode(subject)}".strip() + f": {what} {self.when}"
        if is_own:
            self.seen.append((sentence, places))
        raise Refused(sentence)

    def _places(self) -> list[tuple[str, int]]:
        """Return the files and lines that led here, innermost first, without the standard library and this package."""
        places = []
        frame: Any = sys._getframe(2)
        while frame is not None:
            path = frame.f_code.co_filename
            is_standard = path.startswith(("<frozen", _STANDARD_LIBRARY)) and not path.startswith(self._packages)
            if not is_standard and not path.startswith(_HERE):
                places.append((path, int(frame.f_lineno)))
            frame = frame.f_back
        return places

    def _is_own(self, places: list[tuple[str, int]]) -> bool:
        if not places:
            return False
        path = places[0][0]
        if not path.startswith(self._packages):
            return True
        top = path[len(self._packages) :].partition(os.sep)[0].removesuffix(".py")
        return top in self._own


def is_writing(path: object, mode: object, flags: object) -> bool:
    """Tell whether the audit event `open` is about to change a file; a descriptor that is open is none."""
    if isinstance(path, int) or path in (os.devnull, os.devnull.encode()):
        return False
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITING)


def filter_connect() -> bool:
    """Let connect(2) fail with EPERM in this process and its children, and tell whether that could be done.

    seccomp(2) and linux/filter.h have the instructions: load the architecture; load the number; compare; return.
    """
    architecture, number = _CONNECT.get(platform.machine(), (0, 0))
    if sys.platform != "linux" or not architecture:
        return False
    allow, refuse = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO with EPERM
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 4),
            (0x15, 0, 3, architecture),
            (0x20, 0, 0, 0),
            (0x15, 0, 1, number),
            (0x06, 0, 0, refuse),
            (0x06, 0, 0, allow),
        )
    )
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0):
        return False
    return not prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.c_char_p(header), 0, 0)
