"""The migrations that everything here is tried on: a dozen revisions of every kind, each statement with its undo.

They are written down as statements, so that a reference can execute them one by one with nothing but a driver, and as
the scripts of a project. Each leaves a row in `event`, and each change of `bal` adds: what is done twice shows.
"""

from __future__ import annotations

from dataclasses import dataclass

ROWS = 200
FAILS = "CHAOS_FAILS"
"""While this variable is set, revision r09 fails at its third statement."""


@dataclass(frozen=True, slots=True)
class Change:
    """One statement, and the one that takes it back."""

    do: str
    undo: str
    is_alone: bool = False
    """In an `autocommit_block`."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: what it does, in order."""

    identity: str
    title: str
    changes: tuple[Change, ...]
    fails_before: int = 0
    """The number of the statement before which it fails while it is told to; 0: it never does."""

    def script(self, down: str | None) -> str:
        """Return the text of its file."""
        up: list[str] = []
        for number, change in enumerate(self.changes, 1):
            if number == self.fails_before:
                up += [f"if os.environ.get({FAILS!r}):", '    op.execute("INSERT INTO nowhere VALUES (1)")']
            up += _lines(change.do, change.is_alone)
        back = [line for change in reversed(self.changes) for line in _lines(change.undo, change.is_alone)]
        return (
            f'"""{self.title}"""\nimport os\n\nfrom alembic import op\n\n'
            f"revision = {self.identity!r}\ndown_revision = {down!r}\n\n"
            f"def upgrade():\n{_indented(up)}\n\ndef downgrade():\n{_indented(back)}\n"
        )


def line_of(kind: str) -> list[Revision]:
    """Return the revisions for a kind of database, oldest first."""
    rows = ", ".join(f"({number}, {number * 10})" for number in range(1, ROWS + 1))
    written = [
        ("tables", [_table("item", "id INTEGER PRIMARY KEY, bal INTEGER NOT NULL, note VARCHAR(20)"), _table(*_EVENT)]),
        ("rows", [Change(f"INSERT INTO item (id, bal) VALUES {rows}", "DELETE FROM item")]),
        ("column and two updates", [
            Change("ALTER TABLE item ADD COLUMN tag INTEGER", "ALTER TABLE item DROP COLUMN tag"),
            Change("UPDATE item SET tag = id", "UPDATE item SET tag = NULL"),
            _more(1),
        ]),
        ("index on its own", [_index(kind, "ix_tag", "tag")]),
        ("slow", [_more(2), Change(_PAUSE[kind], _PAUSE[kind]), _more(3)]),
        ("schema only", [_table("a6", "id INTEGER"), _table("b6", "id INTEGER")]),
        ("rows only", [_more(4), Change("UPDATE item SET note = 'n7' WHERE id > 100", "UPDATE item SET note = NULL")]),
        ("schema between rows", [
            _more(5),
            _table("a8", "id INTEGER, bal INTEGER"),
            Change("INSERT INTO a8 (id, bal) SELECT id, bal FROM item", "DELETE FROM a8"),
            _more(6),
        ]),
        ("fails at its third statement", [_table("a9", "id INTEGER"), _more(7), _more(8)]),
        ("index between updates", [_more(9), _index(kind, "ix_bal", "bal"), _more(10)]),
        ("dropped", [
            Change("DROP TABLE a6", "CREATE TABLE a6 (id INTEGER)"),
            Change("UPDATE item SET note = NULL", "UPDATE item SET note = 'n7' WHERE id > 100"),
            Change("ALTER TABLE item DROP COLUMN note", "ALTER TABLE item ADD COLUMN note VARCHAR(20)"),
        ]),
        ("row and index", [
            Change(f"INSERT INTO item (id, bal) VALUES ({ROWS + 1}, 0)", f"DELETE FROM item WHERE id = {ROWS + 1}"),
            Change("CREATE INDEX ix_both ON item (tag, bal)", _drop_index(kind, "ix_both")),
        ]),
    ]  # fmt: skip
    return [
        Revision(identity, title, (*changes, _event(identity)), 3 if title.startswith("fails") else 0)
        for identity, (title, changes) in zip(IDENTITIES, written, strict=True)
    ]


IDENTITIES = tuple(f"r{number:02}" for number in range(1, 13))
_EVENT = ("event", "rev VARCHAR(10)")
_PAUSE = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(0.2)",
    "mariadb": "SELECT sleep(0.2)",
}


def scripts_of(line: list[Revision]) -> dict[str, str]:
    """Return the text of each file, by id."""
    downs = [None, *(revision.identity for revision in line)]
    return {revision.identity: revision.script(down) for revision, down in zip(line, downs, strict=False)}


def _more(number: int) -> Change:
    return Change(f"UPDATE item SET bal = bal + {number}", f"UPDATE item SET bal = bal - {number}")


def _table(name: str, columns: str) -> Change:
    return Change(f"CREATE TABLE {name} ({columns})", f"DROP TABLE {name}")


def _event(identity: str) -> Change:
    return Change(f"INSERT INTO event (rev) VALUES ('{identity}')", f"DELETE FROM event WHERE rev = '{identity}'")


def _index(kind: str, name: str, column: str) -> Change:
    how = " CONCURRENTLY" if kind == "postgresql" else ""
    return Change(f"CREATE INDEX{how} {name} ON item ({column})", _drop_index(kind, name, how), is_alone=True)


def _drop_index(kind: str, name: str, how: str = "") -> str:
    return f"DROP INDEX {name} ON item" if kind == "mariadb" else f"DROP INDEX{how} {name}"


def _lines(statement: str, is_alone: bool) -> list[str]:
    text = f"op.execute({statement!r})"
    return ["with op.get_context().autocommit_block():", f"    {text}"] if is_alone else [text]


def _indented(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
