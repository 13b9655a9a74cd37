"""Is there nothing to do? Asked with the bare driver, before alembic and SQLAlchemy are imported.

The answer is yes only if the version table holds exactly the heads of the manifest, and the journal knows of no undo
that may have left a part. That is safe without a lock: the version row is written in the transaction of its
revision, or after the last change of the schema where there is none; of an undo the journal is written before.
Any doubt is no answer: an URL with something unusual in it, a driver that is not known here, an env.py that may
connect to something else than the URL (the build tells, `Migrations.url_is_used`), every error.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Ask: TypeAlias = Callable[[str], list[Any]]
    """Executes a statement and returns the first column of its rows."""

    from ..release.manifest import Migrations

CONNECT_TIMEOUT_S = 3
"""After this time the slow path begins, and waits as long as it does by itself."""
_LIBPQ_FOLDERS = ("psycopg_binary.libs", "psycopg2_binary.libs")
_HALF_UNDONE = (
    "SELECT begun.number FROM {journal} AS begun WHERE begun.line = '{line}' AND begun.direction = 'down'"
    " AND begun.state IN ('running', 'failed', 'interrupted') AND begun.outside_tx > 0 AND NOT EXISTS"
    " (SELECT 1 FROM {journal} AS later WHERE later.line = begun.line AND later.revision = begun.revision"
    " AND later.number > begun.number)"
)
"""Of the states see `releaser.runtime.migrations.journal.attempts`."""
_CONNECTION_OK = 0
_TUPLES_OK = 2


class Doubt(Exception):
    """The bare driver cannot tell."""


class Url:
    """The parts of an URL as SQLAlchemy understands it."""

    __slots__ = ("database", "driver", "host", "password", "port", "query", "user")

    def __init__(self, text: str) -> None:
        """Take `text` apart.

        Raises:
            Doubt: it has a part that is not known here.
        """
        from urllib.parse import parse_qsl, unquote

        self.driver, found, rest = text.partition("://")
        rest, _, query = rest.partition("?")
        address, _, self.database = rest.partition("/")
        credentials, at, host = address.rpartition("@")
        user, _, password = credentials.partition(":")
        self.user, self.password = unquote(user), unquote(password)
        self.host, _, self.port = host.partition(":")
        pairs = parse_qsl(query, keep_blank_values=True)
        self.query = dict(pairs)
        if not found or (at and not user) or len(self.query) != len(pairs) or "[" in host or "," in host:
            raise Doubt


def postgresql_settings(url: Url) -> dict[str, str]:
    """Return the words of libpq that `url` stands for."""
    given = {"host": url.host, "port": url.port, "user": url.user, "password": url.password, "dbname": url.database}
    return {**{name: value for name, value in given.items() if value}, **url.query}


def mysql_settings(url: Url) -> dict[str, Any]:
    """Return the words that drivers of MySQL have in common, for `url`."""
    given = {"user": url.user, "password": url.password, "database": url.database, "host": url.host, **url.query}
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value}
    return {**wanted, "port": int(url.port)} if url.port else wanted


def is_at_heads(records: Iterable[Migrations], urls: Iterable[str]) -> bool:
    """Tell whether every database is known to be at its heads; false when that cannot be said."""
    try:
        return all(_is_at_heads(record, url) for record, url in zip(records, urls, strict=True))
    except Exception:  # whatever it was, the slow path meets it again, and tells it
        return False


def _is_at_heads(record: Migrations, url: str) -> bool:
    """Tell whether the database is at its heads, and no part of an undo is committed.

    Raises:
        Exception: it cannot be asked.
    """
    if not url or not record.url_is_used or os.path.isabs(record.scripts):
        raise Doubt
    parts = Url(url)
    name, _, driver = parts.driver.partition("+")
    match name, driver:
        case "sqlite", "" | "pysqlite" | "aiosqlite":
            return _with_sqlite(parts, lambda ask: _is_whole(record, ask, '"', _journal_of_sqlite(parts, ask)))
        case "postgresql", "" | "psycopg" | "psycopg2" | "psycopg_async" | "asyncpg":
            return _with_postgresql(parts, lambda ask: _is_whole(record, ask, '"', _journal_of_postgresql(ask)))
        case "mysql" | "mariadb", "pymysql" | "aiomysql":
            return _with_mysql(parts, lambda ask: _is_whole(record, ask, "`", _journal_of_mysql(ask)))
        case _:
            raise Doubt


def _is_whole(record: Migrations, ask: Ask, quote: str, journals: Iterable[str]) -> bool:
    """Tell what `_is_at_heads` does; `journals` yields the journal's table if there is one."""
    names = [name for name in (record.version_table_schema, record.version_table) if name]
    # What SQLAlchemy would not quote is looked up in lower case by some servers; such a name is plain here too.
    if not all(name.isascii() and name.islower() and name.replace("_", "").isalnum() for name in names):
        raise Doubt
    table = ".".join(f"{quote}{name}{quote}" for name in names)
    if {str(row) for row in ask(f"SELECT version_num FROM {table}")} != set(record.heads):
        return False
    if record.journal == "off":
        return True
    return not any(ask(_HALF_UNDONE.format(journal=journal, line=".".join(names))) for journal in journals)


def _journal_of_sqlite(url: Url, ask: Ask) -> Iterable[str]:
    path = os.path.realpath(url.database) + ".migrations"
    if os.path.exists(path):
        ask(f"ATTACH DATABASE '{_read_only(path)}' AS journal")
        if ask("SELECT name FROM journal.sqlite_master WHERE name = 'migration_journal'"):
            yield "journal.migration_journal"


def _journal_of_postgresql(ask: Ask) -> Iterable[str]:
    yield from (row for row in ask("SELECT to_regclass('release_meta.migration_journal')::text") if row)


def _journal_of_mysql(ask: Ask) -> Iterable[str]:
    yield from ask("SHOW TABLES LIKE 'release_migration_journal'")


def _with_sqlite(url: Url, question: Callable[[Ask], bool]) -> bool:
    if url.query or url.host or url.user or not url.database or url.database.startswith((":", "file:")):
        raise Doubt
    import sqlite3

    # Read only, so that no file appears.
    connection = sqlite3.connect(_read_only(os.path.abspath(url.database)), uri=True, timeout=0)
    try:
        return question(lambda statement: [row[0] for row in connection.execute(statement)])
    finally:
        connection.close()


def _read_only(path: str) -> str:
    from urllib.parse import quote

    return f"file:{quote(path)}?mode=ro"


def _with_mysql(url: Url, question: Callable[[Ask], bool]) -> bool:
    if set(url.query) - {"charset", "unix_socket"}:
        raise Doubt
    from importlib import import_module

    pymysql: Any = import_module("pymysql")
    return _with_driver(
        pymysql.connect(**mysql_settings(url), connect_timeout=CONNECT_TIMEOUT_S, read_timeout=CONNECT_TIMEOUT_S),
        question,
    )


def _with_postgresql(url: Url, question: Callable[[Ask], bool]) -> bool:
    if url.driver.endswith("asyncpg") and url.query:
        raise Doubt  # its words are not those of libpq
    limits = {"connect_timeout": str(CONNECT_TIMEOUT_S), "tcp_user_timeout": str(CONNECT_TIMEOUT_S * 1000)}
    wanted = {**limits, **postgresql_settings(url)}
    library = _libpq()
    if library:
        return _with_libpq(library, wanted, question)
    from importlib import import_module

    try:
        driver: Any = import_module("psycopg2")
    except ImportError:
        driver = import_module("psycopg")
    return _with_driver(driver.connect(**wanted), question)


def _with_driver(connection: Any, question: Callable[[Ask], bool]) -> bool:
    def ask(statement: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return [row[0] for row in cursor.fetchall()]

    try:
        return question(ask)
    finally:
        connection.close()


def _libpq() -> str:
    """Return the path of the libpq that the driver's wheel brought along, or "".

    It is asked itself: importing psycopg takes longer than all the rest.
    """
    for folder in sys.path:
        for name in _LIBPQ_FOLDERS:
            try:
                files = os.listdir(os.path.join(folder, name))
            except OSError:
                continue
            found = [file for file in files if file.startswith("libpq-")]
            if len(found) == 1:
                return os.path.join(folder, name, found[0])
    return ""


def _with_libpq(path: str, wanted: dict[str, str], question: Callable[[Ask], bool]) -> bool:
    """Ask libpq itself; its documentation, chapter 34, has the functions."""
    from ctypes import CDLL, POINTER, c_char_p, c_int, c_void_p

    libpq = CDLL(path)
    words = POINTER(c_char_p)
    for name, result, arguments in (
        ("PQconnectdbParams", c_void_p, [words, words, c_int]),
        ("PQstatus", c_int, [c_void_p]),
        ("PQexec", c_void_p, [c_void_p, c_char_p]),
        ("PQresultStatus", c_int, [c_void_p]),
        ("PQntuples", c_int, [c_void_p]),
        ("PQgetvalue", c_char_p, [c_void_p, c_int, c_int]),
        ("PQfinish", None, [c_void_p]),
    ):
        function = getattr(libpq, name)
        function.restype, function.argtypes = result, arguments
    keys = (c_char_p * (len(wanted) + 1))(*(key.encode() for key in wanted), None)
    values = (c_char_p * (len(wanted) + 1))(*(value.encode() for value in wanted.values()), None)
    connection = libpq.PQconnectdbParams(keys, values, 0)

    def ask(statement: str) -> list[str]:
        # The result's memory is freed with the process.
        result = libpq.PQexec(connection, statement.encode())
        if libpq.PQresultStatus(result) != _TUPLES_OK:
            raise Doubt
        return [libpq.PQgetvalue(result, row, 0).decode() for row in range(libpq.PQntuples(result))]

    try:
        if libpq.PQstatus(connection) != _CONNECTION_OK:
            raise Doubt
        return question(ask)
    finally:
        libpq.PQfinish(connection)
