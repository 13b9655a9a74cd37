"""Which process has accepted a connection of ours? A socket that is inherited connects before an app exists.

Linux tells in /proc/net/tcp (proc_pid_net(5)): the row whose remote end is our own address is that of the other side,
and its inode is 0 until somebody has accepted it. Who holds that inode is found among the descriptors of one session's
processes: an instance is the leader of a session, and the workers that it forks belong to it.
"""

from __future__ import annotations

import _socket
import os
import sys

from . import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_REMOTE, _LOCAL, _INODE = 2, 1, 9
_MAPPED = b"\0" * 10 + b"\xff\xff"


def inode_of_peer(connection: _socket.socket) -> str | None:
    """Return the inode of the other end of a TCP connection, or nothing while nobody has accepted it.

    None: the kernel does not list the other end, which is on another host, or in another network namespace.
    """
    ours, theirs = _encoded(connection.getsockname()), _encoded(connection.getpeername())
    for table in _TABLES:
        try:
            with open(table, encoding="ascii") as file:
                rows = file.readlines()[1:]
        except OSError:
            continue
        for row in rows:
            words = row.split(None, _INODE + 1)
            if words[_REMOTE] in ours and words[_LOCAL] in theirs:
                return "" if words[_INODE] == "0" else words[_INODE]
    return None


def is_held_by(inode: str, session: int) -> bool:
    """Tell whether a process of `session` has that socket open."""
    wanted = f"socket:[{inode}]"
    return any(wanted in _links(pid) for pid in processes_of(session))


def processes_of(session: int) -> Iterator[int]:
    """Yield the processes of a session."""
    for seen in processes.everyone():
        if seen.session == session:
            yield seen.pid


def _links(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue


def _encoded(address: tuple[object, ...]) -> tuple[str, ...]:
    """Return an address as the tables have it: an IPv4 one stands in both."""
    host, port = str(address[0]).partition("%")[0], int(str(address[1]))
    if ":" in host:
        forms = [_socket.inet_pton(_socket.AF_INET6, host)]
        if forms[0].startswith(_MAPPED):
            forms.append(forms[0][len(_MAPPED) :])
    else:
        plain = _socket.inet_pton(_socket.AF_INET, host)
        forms = [plain, _MAPPED + plain]
    return tuple(f"{_words(form)}:{port:04X}" for form in forms)


def _words(address: bytes) -> str:
    """Return the bytes as the kernel prints them: numbers of 32 bits in its own byte order."""
    words = (int.from_bytes(address[i : i + 4], sys.byteorder) for i in range(0, len(address), 4))
    return "".join(f"{word:08X}" for word in words)
