"""Small files that the supervisor and the agent leave in `var/run`."""

from __future__ import annotations

import os

from .layout import worker_sockets


def write(path: str, text: str) -> None:
    """Write a file whole, for its owner alone: a reader sees the old text or the new one."""
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.rename(temporary, path)


def unlink(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def unlink_agent(run: str, agent: str) -> None:
    """Remove the agent's socket from the folder `run`, and those of a pre-forking server's workers."""
    unlink(os.path.join(run, agent))
    for name in worker_sockets(run, agent).values():
        unlink(os.path.join(run, name))


def why_not_executed(path: str, error: OSError) -> str:
    """Return why the system refused to execute a file.

    The system says "no such file" of the file when it is the program in its `#!` line that is missing.
    """
    if isinstance(error, FileNotFoundError):
        try:
            with open(path, "rb") as file:
                first = file.readline(256)
        except OSError:
            first = b""
        if first.startswith(b"#!") and first[2:].split():
            program = os.fsdecode(first[2:].split()[0])
            return f"its first line names {program}, which is not on this host"
    return error.strerror or str(error)


def write_through(folder: str) -> None:
    """Have the kernel write everything of this file system to its disk: syncfs(2), which `os` does not offer.

    Where ctypes is missing, sync(2) does the same for every file system.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            import ctypes

            if ctypes.CDLL(None, use_errno=True).syncfs(opened) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        except (ImportError, AttributeError):
            os.sync()
    finally:
        os.close(opened)
