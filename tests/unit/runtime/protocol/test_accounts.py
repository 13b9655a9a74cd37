"""What all callers of the agent may hold together: who holds the most of an unfinished request makes room."""

from __future__ import annotations

import _socket
from collections.abc import Callable, Iterator

import pytest

from releaser.runtime.protocol.accounts import FREE_BYTES, MAX_HELD_BYTES, Account, Accounts, CrowdedOut

Open = Callable[[], Account]


@pytest.fixture
def open_account() -> Iterator[Open]:
    accounts = Accounts()
    kept: list[_socket.socket] = []

    def open_one() -> Account:
        ours, theirs = _socket.socketpair()
        kept.extend((ours, theirs))
        return Account(accounts, ours)

    yield open_one
    for each in kept:
        each.close()


def test_within_the_limit_everybody_holds_what_they_like(open_account: Open) -> None:
    for _ in range(4):
        account = open_account()
        account.take(MAX_HELD_BYTES // 4, is_unfinished=True)
        assert not account.is_closed


def test_over_the_limit_the_largest_unfinished_request_makes_room(open_account: Open) -> None:
    small, large, new = open_account(), open_account(), open_account()
    small.take(100_000, is_unfinished=True)
    large.take(MAX_HELD_BYTES // 2, is_unfinished=True)
    new.take(MAX_HELD_BYTES // 2 - 1, is_unfinished=True)
    assert [small.is_closed, large.is_closed, new.is_closed] == [False, True, False]
    with pytest.raises(CrowdedOut):
        large.take(MAX_HELD_BYTES // 2 + 1, is_unfinished=True)


def test_whoever_makes_room_is_woken(open_account: Open) -> None:
    account = open_account()
    with pytest.raises(CrowdedOut):
        account.take(MAX_HELD_BYTES + 1, is_unfinished=True)
    assert account._connection.recv(1) == b""


def test_a_request_that_is_being_answered_is_never_given_up_for_another(open_account: Open) -> None:
    served, new = open_account(), open_account()
    served.take(MAX_HELD_BYTES - 1, is_unfinished=False)
    with pytest.raises(CrowdedOut):
        new.take(FREE_BYTES + 1, is_unfinished=True)
    assert not served.is_closed


def test_what_little_a_caller_holds_is_not_counted(open_account: Open) -> None:
    full = open_account()
    full.take(MAX_HELD_BYTES, is_unfinished=False)
    open_account().take(FREE_BYTES, is_unfinished=True)


def test_an_answer_that_is_not_read_counts_and_is_given_up_by_the_one_who_sends_it(open_account: Open) -> None:
    account, other = open_account(), open_account()
    assert account.keep(MAX_HELD_BYTES - 10_000)
    other.take(5_000, is_unfinished=False)
    assert not account.keep(MAX_HELD_BYTES)
    assert not other.is_closed


def test_what_was_held_is_free_again(open_account: Open) -> None:
    for _ in range(10):
        account = open_account()
        account.take(MAX_HELD_BYTES, is_unfinished=True)
        account.close()
        assert not account.is_closed
