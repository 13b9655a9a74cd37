"""How is Zstandard unpacked? By the standard library where it can (3.14, PEP 784), else by the program zstd(1)."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys

from .reader import Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO


def unpacked_by_zstd() -> Callable[[IO[bytes]], IO[bytes]] | None:
    """Return what makes the plain content of an open file; nothing where this Python cannot and no program is there."""
    if sys.version_info >= (3, 14):
        try:
            from compression.zstd import ZstdError, ZstdFile
        except ImportError:  # built without libzstd
            pass
        else:
            return lambda file: io.BufferedReader(_Checked(ZstdFile(file), ZstdError))  # type: ignore[type-var]
    program = shutil.which("zstd")
    if program is None:
        return None
    return lambda file: io.BufferedReader(_Plain(program, file))  # type: ignore[type-var]


class _Checked(io.RawIOBase):
    """What the library reads, its own error told as that of a damaged archive."""

    def __init__(self, plain: IO[bytes], error: type[Exception]) -> None:
        self._plain = plain
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        try:
            data = self._plain.read(len(buffer))
        except (self._error, EOFError) as error:
            raise Damaged(f"zstd cannot unpack it: {error}") from error
        buffer[: len(data)] = data
        return len(data)


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
