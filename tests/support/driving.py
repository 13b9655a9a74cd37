"""Real processes of a handmade release, each in a process group of its own that is killed when the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.handmade import Handmade

from releaser.runtime.protocol import client
from releaser.runtime.release.failures import Failure
from releaser.runtime.release.layout import AGENT_SOCKET

DRIVER = str(Path(__file__).parent / "driver.py")


def driven(release: Handmade, target: str, *words: str) -> list[str]:
    """Return the argv that runs `MODULE:FUNCTION` of the release's runtime with `words`."""
    return [sys.executable, "-I", "-S", DRIVER, str(release.root), release.version, target, *words]


def run(
    argv: Sequence[str], *, environ: Mapping[str, str] | None = None, stdin: str = "", within: float = 60.0, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, in an environment that holds nothing but `environ`."""
    return subprocess.run(
        argv,
        env={**bare_environment(), **(environ or {})},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
        **more,
    )


def bare_environment() -> dict[str, str]:
    """Return the least environment that a shell script needs."""
    return {"PATH": os.environ["PATH"]}


class Running:
    """A process and what it has written so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._pieces: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stdout(self) -> str:
        return self._pieces["stdout"].decode()

    @property
    def stderr(self) -> str:
        return self._pieces["stderr"].decode()

    def write(self, text: str) -> None:
        """Write to the process's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def wait(self, within: float = 30.0) -> int:
        """Return the exit code, once everything the process wrote is read."""
        code = self.process.wait(within)
        for reader in self._readers:
            reader.join(within)
        return code

    def _read(self, name: str, stream: Any) -> None:
        while piece := os.read(stream.fileno(), 65536):
            self._pieces[name] += piece
        stream.close()


@contextmanager
def running(argv: Sequence[str], *, environ: Mapping[str, str] | None = None, **more: Any) -> Iterator[Running]:
    """Start `argv` in a session of its own; leaving kills its whole group."""
    process = subprocess.Popen(
        argv,
        env={**bare_environment(), **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=more.pop("stderr", subprocess.PIPE),
        start_new_session=True,
        **more,
    )
    started = Running(process)
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        started.wait()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()


@contextmanager
def instance(release: Handmade, *words: str, environ: Mapping[str, str] | None = None) -> Iterator[tuple[Running, int]]:
    """Start an instance as the supervisor does; the second value is the write end of its lifeline."""
    read_end, write_end = os.pipe()
    try:
        argv = release.command("_instance", str(read_end), "main", *words)
        with running(argv, environ=environ, pass_fds=[read_end]) as started:
            os.close(read_end)
            read_end = -1
            yield started, write_end
    finally:
        for descriptor in (read_end, write_end):
            with suppress(OSError):
                os.close(descriptor)


def is_serving(release: Handmade) -> bool:
    """Tell whether the release's agent answers `ping`."""
    try:
        return client.call(release.context(), AGENT_SOCKET, "ping") == 0
    except Failure:
        return False
