"""Whose locks a migration can rely on, by what a server says of itself."""

from __future__ import annotations

import pytest

from releaser.runtime.migrations.locks.trust import (
    key_of,
    mysql_name,
    postgresql_number,
    refuse_cluster,
    refuse_imitation,
)
from releaser.runtime.release.failures import Failure


@pytest.mark.parametrize("said", ["ON", "on", "1", 1])
def test_a_node_of_a_cluster_is_refused(said: object) -> None:
    with pytest.raises(Failure, match="cannot migrate: the locks of a Galera cluster are those of one node"):
        refuse_cluster(said)


@pytest.mark.parametrize("said", ["OFF", "0", ""])
def test_a_server_of_its_own_is_not(said: object) -> None:
    refuse_cluster(said)


@pytest.mark.parametrize(
    "version",
    ["CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)", "PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu"],
)
def test_an_imitation_of_postgresql_is_refused(version: str) -> None:
    with pytest.raises(Failure, match="takes PostgreSQL's advisory locks and does not keep them"):
        refuse_imitation(version)


def test_postgresql_itself_is_not() -> None:
    refuse_imitation("PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc")


def test_names_fit_into_what_servers_take() -> None:
    key = key_of("shop", "", "alembic_version")
    assert -(2**63) <= postgresql_number(key) < 2**63
    assert len(mysql_name(key)) <= 64
