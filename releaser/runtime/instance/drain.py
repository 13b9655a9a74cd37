"""How does an app go on before it is told to end? Its answers say so, and new connections are left to another.

Servers that get SIGTERM close what is open and idle, also a connection that was accepted a moment ago and whose
request is not read yet, and one that is kept alive and whose next request is on the wire. So the supervisor asks for
this first, and sends SIGTERM a while later::

    supervisor                    the app's processes, each by its agent
    drain PID KIND      ->        every answer says Connection: close          uvicorn, hypercorn
                                  no connection is accepted any more           KIND is `replaced`: another instance
    waits for `drain`             answers what it has accepted                 shares the inherited sockets
    SIGTERM             ->        nothing is open, and nothing is lost

To accept nothing more needs no word of the server: the inherited sockets are taken out of each epoll set of the process
(proc_pid_fdinfo(5) tells which), and a socket that nobody knows takes their descriptors, for servers that poll. What
waits in the queue of the old one is the other instance's, since they share it.
"""

from __future__ import annotations

import _socket
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

REQUEST = "drain"
REPLACED = "replaced"
"""Another instance listens on the same sockets, or will at once."""
ENDING = "ending"
"""Nobody takes over what is not accepted: the app accepts until it ends."""
_FIRST_INHERITED = 3
_TELL_S = 1.0
_CLOSE = (b"connection", b"close")
_inherited: set[int] = set()
_kept: list[_socket.socket] = []


def ask(run: str, agents: Collection[str], pid: int, kind: str) -> None:
    """Ask the instance `pid` by its `agents` in the folder `run`, and by those of workers that it has forked.

    Who cannot be asked is told to end without it.
    """
    from ..protocol import frames, sockets
    from ..release.layout import worker_sockets

    request = frames.encode_request(REQUEST, str(pid), kind)
    for name in {*agents, *(worker for agent in agents for worker in worker_sockets(run, agent).values())}:
        try:
            connection = sockets.connect(run, name, _TELL_S)
        except OSError:
            continue
        try:
            connection.sendall(request)
        except OSError:
            pass
        connection.close()


def remember(environ: Mapping[str, str]) -> None:
    """Note which sockets this process has inherited, before the app duplicates, renumbers or closes them."""
    count = environ.get("LISTEN_FDS", "")
    for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + (int(count) if count.isdecimal() else 0)):
        try:
            _inherited.add(os.fstat(descriptor).st_ino)
        except OSError:
            pass


def begin(pid: int, kind: str) -> bool:
    """Drain this process, if it is of the instance `pid`; tell whether it is."""
    if os.getsid(0) != pid:
        return False  # a worker of the other version, whose sockets lie in the same folder
    _say_close()
    if kind == REPLACED:
        _stop_accepting()
    return True


def _stop_accepting() -> None:
    descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    listening = {descriptor for descriptor in descriptors if _inode(descriptor) in _inherited}
    if not listening:
        return
    for descriptor in descriptors:
        if _is_epoll(descriptor):
            _unregister(descriptor, listening & _registered(descriptor))
    nobodys = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    nobodys.setblocking(False)
    nobodys.bind("")  # an abstract name of the kernel's choice, unix(7)
    nobodys.listen(1)
    for descriptor in listening:
        os.dup2(nobodys.fileno(), descriptor, inheritable=False)
    _kept.append(nobodys)


def _inode(descriptor: int) -> int:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return 0
    return found.st_ino if stat.S_ISSOCK(found.st_mode) else 0


def _is_epoll(descriptor: int) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == "anon_inode:[eventpoll]"
    except OSError:
        return False


def _registered(descriptor: int) -> set[int]:
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return set()
    return {int(line.split()[1]) for line in lines if line.startswith("tfd:")}


def _unregister(descriptor: int, targets: Iterable[int]) -> None:
    import select

    epoll = select.epoll.fromfd(os.dup(descriptor))  # closed with the object; it is the same set
    for target in targets:
        try:
            epoll.unregister(target)
        except OSError:
            pass
    epoll.close()


def _say_close() -> None:
    """Have the servers that are known here end each connection with its next answer."""
    for server in _instances("uvicorn.server", "Server"):
        headers = server.config.encoded_headers
        if _CLOSE not in headers:
            headers.append(_CLOSE)  # it makes its default headers of these once a second
            server.server_state.default_headers = [*server.server_state.default_headers, _CLOSE]
    for config in _instances("hypercorn.config", "Config"):
        config.keep_alive_max_requests = 0


def _instances(module: str, name: str) -> list[Any]:
    """Return the living objects of a class, if it was imported: there is no other way to a server that runs."""
    import sys

    wanted = getattr(sys.modules.get(module), name, None)
    if wanted is None:
        return []
    import gc

    return [found for found in gc.get_objects() if type(found) is wanted]
