"""In which schema of PostgreSQL does a tenant live? The connection's search_path and the version table are put there.

A lock is named by the version table with its schema, so tenants of one database have a lock each.
"""

from __future__ import annotations

from sqlalchemy import text

from ...release.failures import Failure
from ..locks.postgresql import is_behind_pooler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

_USUAL = "public"


def enter_schema(connection: Connection, settings: dict[str, Any], schema: str) -> None:
    """Make `schema` the connection's only one; without it, see which one env.py has chosen itself.

    `settings` are those of `context.configure`. A transaction begun here is ended here.

    Raises:
        Failure: there is no such schema, or it cannot be chosen.
    """
    is_ours = not connection.in_transaction()
    if schema:
        _check(connection, schema)
        # Nothing behind it: a table that this tenant lacks must not be found in a schema that others share.
        quoted = connection.dialect.identifier_preparer.quote_identifier(schema)
        connection.execute(text("select set_config('search_path', :path, false)"), {"path": quoted})
        connection.dialect.default_schema_name = schema
        settings.setdefault("version_table_schema", schema)
    elif connection.dialect.name == "postgresql":
        found = connection.scalar(text("select current_schema()"))
        if found and found != _USUAL:
            settings.setdefault("version_table_schema", found)
    if is_ours and connection.in_transaction():
        connection.commit()


def _check(connection: Connection, schema: str) -> None:
    if connection.dialect.name != "postgresql":
        raise Failure(
            f"cannot choose the schema '{schema}': only PostgreSQL has several in one database",
            now="nothing was migrated",
            hint="give each tenant an url of its own",
        )
    if is_behind_pooler(connection):
        raise Failure(
            f"cannot choose the schema '{schema}': a pooler in transaction mode is in front of the database",
            now="nothing was migrated",
            hint="give migrations.url the server itself",
        )
    if not connection.scalar(text("select 1 from pg_namespace where nspname = :name"), {"name": schema}):
        raise Failure(
            f"there is no schema '{schema}'",
            now="nothing was migrated",
            hint="whoever adds a tenant makes its schema",
        )
