"""Two hosts, of which each is a network namespace, and the cable between them, which can lose everything silently."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.waiting import eventually

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
_NOBODY = "02:00:00:00:00:99"


class Cable:
    """What two processes, one in each namespace, keep alive."""

    def __init__(self, server: int, client: int) -> None:
        self.server = _entering(server)
        self.client = _entering(client)
        _do(["ip", "link", "add", "relserver", "netns", str(server), "type", "veth"], ["peer", "name", "relclient"])
        _do(["ip", "link", "set", "relclient", "netns", str(client)])
        for enter, name, address in ((self.server, "relserver", SERVER), (self.client, "relclient", CLIENT)):
            _do(enter, ["ip", "address", "add", f"{address}/24", "dev", name])
            _do(enter, ["ip", "link", "set", name, "up"])

    def lose(self) -> None:
        """Lose whatever either end sends from now on, and tell neither."""
        _do(self.server, ["ip", "neigh", "replace", CLIENT, "lladdr", _NOBODY, "dev", "relserver", "nud", "permanent"])
        _do(self.client, ["ip", "neigh", "replace", SERVER, "lladdr", _NOBODY, "dev", "relclient", "nud", "permanent"])


@contextmanager
def plugged() -> Iterator[Cable]:
    """Join two namespaces; skips the test where that is not allowed."""
    if os.getuid() or not all(map(shutil.which, ("ip", "nsenter", "unshare"))):
        pytest.skip("takes root, iproute2 and util-linux")
    with ExitStack() as stack:
        hosts = [stack.enter_context(_namespace()) for _ in range(2)]
        yield Cable(*hosts)


@contextmanager
def _namespace() -> Iterator[int]:
    keeper = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        eventually(lambda: keeper.poll() is not None or _is_apart(keeper.pid), within=30)
        if keeper.poll() is not None:
            pytest.skip("no network namespace can be made here")
        yield keeper.pid
    finally:
        keeper.kill()
        keeper.wait()


def _is_apart(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def _entering(pid: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]


def _do(*words: Sequence[str]) -> None:
    subprocess.run([word for part in words for word in part], check=True)
