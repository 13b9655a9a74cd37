"""How much may all callers of the agent hold together? Each has an account; who holds the most makes room.

A caller's thread says what it holds: of a request that is not whole yet, of one that is being answered, of an answer
that is not read. Over the limit, the caller that holds the most of an unfinished request is hung up on, which wakes its
thread; where there is none, it is the one that asks for more.
"""

from __future__ import annotations

import _socket

from ..release.primitives import allocate_lock

MAX_HELD_BYTES = 8 * 1024 * 1024
"""What all callers of one process may hold together."""
FREE_BYTES = 4096
"""So little is not counted: it makes a megabyte of all the callers that there may be."""


class CrowdedOut(Exception):
    """All callers together hold too much, and this one has to make room."""


class Account:
    """What one caller holds."""

    __slots__ = ("_accounts", "_connection", "_request_bytes", "held_bytes", "is_closed", "is_unfinished")

    def __init__(self, accounts: Accounts, connection: _socket.socket) -> None:
        self._accounts = accounts
        self._connection = connection
        self._request_bytes = 0
        self.held_bytes = 0
        self.is_unfinished = True  # it has not said yet what it wants, or wants to say more
        self.is_closed = False
        """It has to make room; its thread sees this when it wakes."""

    def take(self, size: int, *, is_unfinished: bool) -> None:
        """Note that `size` bytes of what the caller has sent are held.

        Raises:
            CrowdedOut: all hold too much, and this one has to make room.
        """
        self.is_unfinished = is_unfinished
        self._request_bytes = size
        self._accounts.change(self, size)
        if self.is_closed:
            raise CrowdedOut

    def keep(self, size: int) -> bool:
        """Note that `size` bytes of the answer wait for the caller to read; false when that is too much."""
        self._accounts.change(self, self._request_bytes + size)
        return not self.is_closed

    def close(self) -> None:
        """Hold nothing any more."""
        self._accounts.change(self, 0)

    def hang_up(self) -> None:
        """Wake the thread that reads from this caller; what is said to it can still be sent."""
        self.is_closed = True
        try:
            self._connection.shutdown(_socket.SHUT_RD)
        except OSError:
            pass  # it has gone


class Accounts:
    """The accounts of all callers of one process."""

    __slots__ = ("_lock", "_open")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._open: set[Account] = set()

    def change(self, account: Account, size: int) -> None:
        """Note what `account` holds; who has to make room for that is hung up on."""
        with self._lock:
            account.held_bytes = size
            if size <= FREE_BYTES or account.is_closed:
                self._open.discard(account)
                return
            self._open.add(account)
            held = sum(each.held_bytes for each in self._open)
            while held > MAX_HELD_BYTES:
                victim = max(self._open, key=lambda each: (each.is_unfinished, each.held_bytes))
                victim = victim if victim.is_unfinished else account
                held -= victim.held_bytes
                self._open.discard(victim)
                victim.hang_up()
                if victim is account:
                    return
