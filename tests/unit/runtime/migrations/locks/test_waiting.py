"""What is told of a statement that did not get a lock."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from releaser.runtime.migrations.sessions.connection import is_lock_timeout, lock_not_got


@pytest.mark.parametrize(
    ("number", "kind", "seconds", "told"),
    [
        (1205, "mariadb", 0.4, "did not get a lock within 1 s"),
        (1205, "mysql", 2.4, "did not get a lock within 2 s"),
        (1205, "mysql", 0, "did not get a lock"),
        (1213, "mariadb", 0.4, "was ended by a deadlock"),
        ("database is locked", "sqlite", 0.4, "did not get a lock"),
    ],
)
def test_the_time_is_that_which_was_waited(number: object, kind: str, seconds: float, told: str) -> None:
    original = sqlite3.OperationalError(number)
    if isinstance(number, int):
        original.sqlstate = "HY000"  # type: ignore[attr-defined]
    error = OperationalError("UPDATE x", {}, original)
    assert is_lock_timeout(error)
    assert lock_not_got(error, kind, seconds) == told


def test_another_error_is_none_of_a_lock() -> None:
    assert not is_lock_timeout(OperationalError("UPDATE x", {}, sqlite3.OperationalError("no such table")))
    assert not is_lock_timeout(ValueError(1205))
