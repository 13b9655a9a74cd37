"""A name server on loopback that knows one name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_A_IN = b"\x00\x01\x00\x01"


@contextmanager
def serving_names(server_address: str, name: str, address: str) -> Iterator[bool]:
    """Answer for `name` with `address` at port 53, the only one that resolv.conf(5) knows.

    Gives False where this user may not use that port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind((server_address, 53))
        except OSError:
            yield False
            return
        thread = threading.Thread(target=_answer, args=(server, _question(name), socket.inet_aton(address)))
        thread.start()
        try:
            yield True
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (server_address, 53))
            thread.join()


def _question(name: str) -> bytes:
    labels = (part.encode() for part in name.split("."))
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _answer(server: socket.socket, known: bytes, address: bytes) -> None:
    """Answer until an empty datagram comes (RFC 1035, section 4): an address, or that there is none."""
    while True:
        asked, sender = server.recvfrom(512)
        if not asked:
            return
        end = asked.index(b"\0", 12) + 5
        question = asked[12:end]
        is_known = question == known + _A_IN
        header = asked[:2] + b"\x81\x80\x00\x01" + (b"\x00\x01" if is_known else b"\x00\x00") + b"\0\0\0\0"
        record = b"\xc0\x0c" + _A_IN + b"\0\0\0\x3c\x00\x04" + address if is_known else b""
        server.sendto(header + question + record, sender)
