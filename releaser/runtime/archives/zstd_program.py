"""How is Zstandard unpacked by a Python that has no module for it (PEP 784 gives 3.14 one)? By the program zstd(1)."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

from .reader import Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO


def unpacked_by_zstd() -> Callable[[IO[bytes]], IO[bytes]] | None:
    """Return what makes the plain content of an open file, or nothing where the program is missing."""
    program = shutil.which("zstd")
    if program is None:
        return None
    return lambda file: io.BufferedReader(_Plain(program, file))  # type: ignore[type-var]


class _Plain(io.RawIOBase):
    """What the program writes; its end has to be a good one."""

    def __init__(self, program: str, file: IO[bytes]) -> None:
        # Opened anew, for a descriptor that both use has one position.
        source = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._process = subprocess.Popen(
                [program, "-d", "-c", "-q"], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        finally:
            os.close(source)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        assert self._process.stdout is not None
        data = self._process.stdout.read(len(buffer))
        if not data and self._process.wait() != 0:
            raise Damaged("zstd cannot unpack it")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._process.kill()
            self._process.communicate()
        super().close()
