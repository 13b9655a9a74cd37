"""How long a server may be silent while a connection to it is made."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from releaser.runtime.migration_connecting import connecting_within


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_never_greets_is_given_up(silent_port: int) -> None:
    engine = create_engine(f"mysql+pymysql://app:secret@127.0.0.1:{silent_port}/x", poolclass=NullPool)
    # On a busy machine the attempt may end before the driver waits; then no error of its own is around it.
    given_up = (OperationalError, TimeoutError)
    with connecting_within(0.5), pytest.raises(given_up, match=r"no answer within 0\.5 s"), engine.connect():
        pass
