"""What is the lock of a migration called, and whose locks can be relied on?"""

from __future__ import annotations

import hashlib

from ...release.failures import Failure
from ..failures import EXTERNAL_HINT


def key_of(database: str, schema: str, version_table: str) -> bytes:
    """Return the 32 bytes that name the lock of a version table.

    Never to be changed, and made of nothing that differs between two releases: runners of different versions must
    exclude each other. `database` is empty where names are per database.
    """
    return hashlib.sha256(f"releaser1|{database}|{schema}|{version_table}".encode()).digest()


def postgresql_number(key: bytes) -> int:
    """Return the key of an advisory lock."""
    return int.from_bytes(key[:8], "big", signed=True)


def mysql_name(key: bytes) -> str:
    """Return the name of a lock, of which MySQL takes 64 characters."""
    return f"releaser1:{key.hex()[:40]}"


def refuse_imitation(version: str) -> None:
    """Refuse a server that speaks PostgreSQL's protocol without keeping its advisory locks, by its `version()`.

    Raises:
        Failure: it is one.
    """
    for word, name in (("CockroachDB", "CockroachDB"), ("-YB-", "YugabyteDB")):
        if word in version:
            raise _untrusted(f"{name} takes PostgreSQL's advisory locks and does not keep them")


def refuse_cluster(wsrep_on: object) -> None:
    """Refuse a node of a Galera cluster, by what its variable `wsrep_on` says.

    Raises:
        Failure: it is one.
    """
    if str(wsrep_on).upper() in ("ON", "1"):
        raise _untrusted("the locks of a Galera cluster are those of one node")


def _untrusted(why: str) -> Failure:
    return Failure(f"cannot migrate: {why}", now="nothing was migrated", hint=EXTERNAL_HINT)
