"""What would the revisions do? Runs by path in the release's interpreter: `python -I -S -B recorder.py < request`.

Standard library only, nothing of releaser, as `probe.py`, a child of which goes on here. Each `upgrade()` is run
against alembic's offline mode, which writes SQL and has no database; what it asks of `op` is recorded with its line,
and so is the SQL. What is refused at import is refused here too. A connection that a revision asks for takes
statements and finds no rows; a revision that cannot go on with that is recorded as far as it came, and the reason
beside it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import site
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_WHEN = "when the build looks at a revision"


def main() -> None:
    """Read the request, record, write the answer."""
    request = json.load(sys.stdin)
    answer_to = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [*request["source_paths"], *(path for path in sys.path if path != str(Path(__file__).parent))]
    site.addsitedir(request["site_packages"])
    import alembic  # noqa: F401  # before anything is refused

    guard = loaded("guard.py").Guard(request["site_packages"], tuple(request["own_modules"]), _WHEN)
    guard.close()
    answer = recorded([Path(path) for path in request["files"]], request["dialect"], guard)
    with os.fdopen(answer_to, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def recorded(paths: list[Path], dialect: str, guard: Any) -> list[dict[str, Any]]:
    """Return what each of `paths` would do; `guard` is closed already."""
    guard.when = _WHEN
    return [record(path, dialect, guard) for path in paths]


def loaded(name: str) -> Any:
    """Return the module beside this file; there is no package around it here."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), Path(__file__).with_name(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(path: Path, dialect: str, guard: Any) -> dict[str, Any]:
    """Return the operations of one revision file, in their order."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    found: list[dict[str, Any]] = []
    sql: list[dict[str, Any]] = []
    answer: dict[str, Any] = {
        "path": str(path),
        "revision": "",
        "release": {},
        "operations": found,
        "sql": sql,
        "problem": "",
    }
    context: Any = MigrationContext.configure(
        dialect_name=dialect, opts={"as_sql": True, "output_buffer": io.StringIO(), "literal_binds": True}
    )
    state = {"autocommit": False, "depth": 0}
    guard.seen.clear()
    restore = watch(path, found, sql, state, context)
    try:
        spec = importlib.util.spec_from_file_location("revision_file", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer["revision"] = str(getattr(module, "revision", ""))
        said = getattr(module, "release", {})
        answer["release"] = said_of(said) if isinstance(said, dict) else {}
        with Operations.context(context):
            module.upgrade()
    except (Exception, SystemExit) as error:
        answer["problem"] = f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        restore()
    if guard.seen:
        answer["problem"] = guard.seen[0][0]
    return answer


def said_of(said: dict[str, Any]) -> dict[str, Any]:
    """Return what the author says in `release = {...}`; only what was not said is missing."""
    found: dict[str, Any] = {"phase": said.get("phase", "pre"), "lint_ok": list(said.get("lint_ok", ()))}
    if isinstance(said.get("compatible"), bool):
        found["compatible"] = said["compatible"]
    return found


def watch(
    path: Path, found: list[dict[str, Any]], sql: list[dict[str, Any]], state: dict[str, Any], context: Any
) -> Callable[[], None]:
    """Record what is asked of alembic from here on; return a function that ends it."""
    from alembic.operations.base import AbstractOperations

    invoke, block, write = AbstractOperations.invoke, context.autocommit_block, context.impl.static_output

    def note(operation: dict[str, Any]) -> None:
        found.append({**operation, "line": line_in(path), "autocommit": state["autocommit"]})

    def static_output(text: str) -> None:
        sql.append({"text": text, "line": line_in(path), "autocommit": state["autocommit"]})
        write(text)

    def executed(statement: Any) -> None:
        text = compiled(statement, context.dialect)
        note({**PLAIN, "kind": "ExecuteSQL", "sql": text})
        static_output(f"{text.strip().rstrip(';')};")

    def recorded(self: Any, operation: Any) -> Any:
        if state["depth"] == 0:
            is_batch = type(self).__name__ == "BatchOperations"
            for one in (operation, *getattr(operation, "ops", ())):
                note({**described(one, context.dialect), "batch": is_batch})
        state["depth"] += 1
        try:
            return invoke(self, operation)
        finally:
            state["depth"] -= 1

    @contextlib.contextmanager
    def autocommit_block() -> Iterator[None]:
        state["autocommit"] = True
        try:
            with block():
                yield
        finally:
            state["autocommit"] = False

    AbstractOperations.invoke = recorded  # type: ignore[method-assign]
    context.autocommit_block = autocommit_block
    context.impl.static_output = static_output
    context.connection = context.impl.connection = Deaf(context.dialect, executed)

    def restore() -> None:
        AbstractOperations.invoke = invoke  # type: ignore[method-assign]

    return restore


PLAIN: dict[str, Any] = {
    "kind": "",
    "table": "",
    "name": "",
    "is_required": False,
    "has_default": False,
    "default": "",
    "is_computed": False,
    "sets_required": False,
    "sets_type": False,
    "type": "",
    "existing_type": "",
    "renames": False,
    "is_unique": False,
    "concurrently": False,
    "not_valid": False,
    "condition": "",
    "only_comments": False,
    "sql": "",
    "batch": False,
}
"""What is known of an operation of which nothing is known; `statements.py` fills the same keys."""


def described(operation: Any, dialect: Any) -> dict[str, Any]:
    """Return what the rules need to know of one of alembic's operation objects."""
    kind = type(operation).__name__.removesuffix("Op")
    column = getattr(operation, "column", None)
    options = {**getattr(operation, "kw", {}), **getattr(operation, "dialect_kw", {})}
    default = getattr(column, "server_default", None)
    table = getattr(operation, "table_name", "") or getattr(operation, "source_table", "")
    new_type = getattr(operation, "modify_type", None)
    changes = [getattr(operation, f"modify_{what}", None) for what in ("nullable", "name", "type")]
    return {
        **PLAIN,
        "kind": kind,
        "table": str(table or getattr(getattr(operation, "table", None), "name", "") or ""),
        "name": str(
            getattr(column, "name", "")
            or getattr(operation, "column_name", "")
            or getattr(operation, "index_name", "")
            or getattr(operation, "constraint_name", "")
            or ""
        ),
        "is_required": column is not None and not column.nullable,
        "has_default": default is not None,
        "default": default_of(default, dialect),
        "is_computed": getattr(column, "computed", None) is not None or getattr(column, "identity", None) is not None,
        "sets_required": getattr(operation, "modify_nullable", None) is False,
        "sets_type": new_type is not None,
        "type": compiled(new_type, dialect),
        "existing_type": compiled(getattr(operation, "existing_type", None), dialect),
        "renames": bool(getattr(operation, "modify_name", None)) or kind == "RenameTable",
        "is_unique": bool(getattr(operation, "unique", False)),
        "concurrently": bool(options.get("postgresql_concurrently")),
        "not_valid": bool(options.get("postgresql_not_valid")),
        "condition": compiled(getattr(operation, "condition", None), dialect),
        "only_comments": changes == [None, None, None] and getattr(operation, "modify_server_default", 0) is False,
        "sql": compiled(getattr(operation, "sqltext", None), dialect),
    }


def default_of(default: Any, dialect: Any) -> str:
    """Return what the server computes for new rows, as SQL; a constant is in quotes."""
    argument = getattr(default, "arg", None)
    return f"'{argument}'" if isinstance(argument, str) else compiled(argument, dialect)


def compiled(clause: Any, dialect: Any) -> str:
    """Return a clause, a type or a text as SQL, "" for None."""
    if clause is None or isinstance(clause, str):
        return clause or ""
    if isinstance(clause, type):
        with contextlib.suppress(Exception):
            clause = clause()
    with contextlib.suppress(Exception):
        return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    with contextlib.suppress(Exception):
        return str(clause.compile(dialect=dialect))
    return str(clause)


class Deaf:
    """Stands for the connection that a revision asks for: statements go nowhere, and every question has no rows."""

    rowcount = 0
    in_nested_transaction = in_transaction = staticmethod(lambda: False)

    def __init__(self, dialect: Any, executed: Callable[[Any], None]) -> None:
        self.dialect = dialect
        self._executed = executed

    @property
    def engine(self) -> Any:
        return self

    def execute(self, statement: Any, *more: Any, **words: Any) -> Any:
        self._executed(statement)
        return self

    exec_driver_sql = execute

    def scalars(self, *statement: Any, **words: Any) -> Any:
        for one in statement[:1]:
            self._executed(one)
        return self

    def scalar(self, *statement: Any, **words: Any) -> None:
        self.scalars(*statement)

    def begin(self) -> Any:
        return contextlib.nullcontext(self)

    begin_nested = connect = begin

    def execution_options(self, **words: Any) -> Any:
        return self

    def mappings(self) -> Any:
        return self

    def fetchall(self, *more: Any) -> list[Any]:
        return []

    all = fetchmany = partitions = keys = fetchall

    def fetchone(self) -> None:
        return None

    first = one_or_none = scalar_one_or_none = commit = close = fetchone

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def line_in(path: Path) -> int:
    """Return the line of `path` that is being executed."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == str(path):
            return int(frame.f_lineno)
        frame = frame.f_back
    return 0


if __name__ == "__main__":
    main()
