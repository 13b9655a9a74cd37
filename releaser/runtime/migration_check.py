"""Is there nothing to do? Asked with the bare driver, before alembic and SQLAlchemy are imported.

The answer is yes only if the version table holds exactly the heads of the manifest. That is safe without a lock: the
version row is written in the transaction of its revision, or after the last change of the schema where there is none.
Any doubt is no answer: an URL with something unusual in it, a driver that is not known here, an env.py that may
connect to something else than the URL (the build tells, `Migrations.url_is_used`), every error.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .manifest import Migrations

CONNECT_TIMEOUT_S = 3
"""After this time the slow path begins, and waits as long as it does by itself."""
_LIBPQ_FOLDERS = ("psycopg_binary.libs", "psycopg2_binary.libs")
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
        return all(_heads(record, url) == set(record.heads) for record, url in zip(records, urls, strict=True))
    except Exception:  # whatever it was, the slow path meets it again, and tells it
        return False


def _heads(record: Migrations, url: str) -> set[str]:
    """Return where the database is.

    Raises:
        Exception: it cannot be asked.
    """
    if not url or not record.url_is_used or os.path.isabs(record.scripts):
        raise Doubt
    parts = Url(url)
    name, _, driver = parts.driver.partition("+")
    match name, driver:
        case "sqlite", "" | "pysqlite" | "aiosqlite":
            rows = _ask_sqlite(parts, _statement(record, '"'))
        case "postgresql", "" | "psycopg" | "psycopg2" | "psycopg_async" | "asyncpg":
            rows = _ask_postgresql(parts, _statement(record, '"'))
        case "mysql" | "mariadb", "pymysql" | "aiomysql":
            rows = _ask_mysql(parts, _statement(record, "`"))
        case _:
            raise Doubt
    return {str(row) for row in rows}


def _statement(record: Migrations, quote: str) -> str:
    names = [name for name in (record.version_table_schema, record.version_table) if name]
    # What SQLAlchemy would not quote is looked up in lower case by some servers; such a name is plain here too.
    if not all(name.isascii() and name.islower() and name.replace("_", "").isalnum() for name in names):
        raise Doubt
    return f"SELECT version_num FROM {'.'.join(f'{quote}{name}{quote}' for name in names)}"


def _ask_sqlite(url: Url, statement: str) -> list[Any]:
    from urllib.parse import quote

    if url.query or url.host or url.user or not url.database or url.database.startswith((":", "file:")):
        raise Doubt
    import sqlite3

    # Read only, so that no file appears.
    connection = sqlite3.connect(f"file:{quote(os.path.abspath(url.database))}?mode=ro", uri=True, timeout=0)
    try:
        return [row[0] for row in connection.execute(statement)]
    finally:
        connection.close()


def _ask_mysql(url: Url, statement: str) -> list[Any]:
    if set(url.query) - {"charset", "unix_socket"}:
        raise Doubt
    from importlib import import_module

    pymysql: Any = import_module("pymysql")
    connection = pymysql.connect(
        **mysql_settings(url), connect_timeout=CONNECT_TIMEOUT_S, read_timeout=CONNECT_TIMEOUT_S
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return [row[0] for row in cursor.fetchall()]
    finally:
        connection.close()


def _ask_postgresql(url: Url, statement: str) -> list[Any]:
    if url.driver.endswith("asyncpg") and url.query:
        raise Doubt  # its words are not those of libpq
    limits = {"connect_timeout": str(CONNECT_TIMEOUT_S), "tcp_user_timeout": str(CONNECT_TIMEOUT_S * 1000)}
    wanted = {**limits, **postgresql_settings(url)}
    library = _libpq()
    if library:
        return _ask_libpq(library, wanted, statement)
    from importlib import import_module

    try:
        driver: Any = import_module("psycopg2")
    except ImportError:
        driver = import_module("psycopg")
    connection = driver.connect(**wanted)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return [row[0] for row in cursor.fetchall()]
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


def _ask_libpq(path: str, wanted: dict[str, str], statement: str) -> list[str]:
    """Return the first column of the rows; libpq's documentation, chapter 34, has the functions."""
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
    try:
        if libpq.PQstatus(connection) != _CONNECTION_OK:
            raise Doubt
        # The result's memory is freed with the process.
        result = libpq.PQexec(connection, statement.encode())
        if libpq.PQresultStatus(result) != _TUPLES_OK:
            raise Doubt
        return [libpq.PQgetvalue(result, row, 0).decode() for row in range(libpq.PQntuples(result))]
    finally:
        libpq.PQfinish(connection)
