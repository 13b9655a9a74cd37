"""Which databases has env.py configured, and what does each say before anything is done to it?"""

from __future__ import annotations

import os

from ..locks.sqlite import sqlite_path
from ..sessions.connection import Statements, heads_of, heads_seen_by_others, is_in_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from ..journal.attempts import Entry
    from ..journal.journal import Journal


class Database:
    """One database that env.py has configured: alembic's template `multidb` has several."""

    def __init__(self, connection: Connection, settings: dict[str, Any]) -> None:
        self.engine = connection.engine
        self.is_in_memory = is_in_memory(connection)
        self.version_table = str(settings.get("version_table") or "alembic_version")
        self.schema = str(settings.get("version_table_schema") or "")
        self.is_done_by_another = False
        self.before: frozenset[str] = frozenset()
        self.expected: frozenset[str] = frozenset()
        self.was_asked = False
        self.statements: Statements | None = None
        self.journal: Journal | None = None
        self.path = sqlite_path(connection) if connection.dialect.name == "sqlite" else ""
        self.restore_point = ""
        # Asked now, since alembic is about to write its version table into an empty one.
        self.is_new_file = bool(self.path) and not (os.path.exists(self.path) and os.path.getsize(self.path))
        # What the journal says, before this run:
        self.history: list[Entry] = []
        self.entries: dict[str, Entry] = {}  # the newest of each revision
        self.earlier: dict[str, str] = {}  # of a revision: what an attempt left that a person says to have cleaned up
        self.at_work: frozenset[str] = frozenset()  # of a dry run: what another runner is at

    @property
    def line(self) -> str:
        """The name under which the journal has it: that of its version table."""
        return f"{self.schema}.{self.version_table}" if self.schema else self.version_table

    def heads(self, connection: Connection) -> frozenset[str]:
        """Return where it is, as env.py's own connection sees it."""
        return heads_of(connection, self.version_table, self.schema)

    def heads_seen_by_others(self) -> frozenset[str]:
        """Return where it is, as a fresh connection sees it; of one in memory, where it is expected to be."""
        if self.is_in_memory:
            return self.expected
        return heads_seen_by_others(self.engine, self.version_table, self.schema)
