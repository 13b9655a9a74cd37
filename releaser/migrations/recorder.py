"""What would the revisions do? Runs by path in the release's interpreter: `python -I -S -B recorder.py < request`.

Standard library only, nothing of releaser, as `probe.py`. Each `upgrade()` is run against alembic's offline mode, which
writes SQL and has no database; what it asks of `op` is recorded with its line. The network is refused. A revision that
reads from a database cannot be followed to its end; what it did before is recorded, and the reason beside it.
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

_REFUSED = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "sqlite3.connect")


class Refused(Exception):
    """A revision wanted the network, or a database."""


def main() -> None:
    """Read the request, record, write the answer."""
    request = json.load(sys.stdin)
    answer_to = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [*request["source_paths"], *(path for path in sys.path if path != str(Path(__file__).parent))]
    site.addsitedir(request["site_packages"])
    sys.addaudithook(refuse)
    answer = [record(Path(path), request["dialect"]) for path in request["files"]]
    with os.fdopen(answer_to, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def record(path: Path, dialect: str) -> dict[str, Any]:
    """Return the operations of one revision file, in their order."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    found: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"path": str(path), "revision": "", "release": {}, "operations": found, "problem": ""}
    context = MigrationContext.configure(
        dialect_name=dialect, opts={"as_sql": True, "output_buffer": io.StringIO(), "literal_binds": True}
    )
    state = {"autocommit": False, "depth": 0}
    restore = watch(path, found, state, context)
    try:
        spec = importlib.util.spec_from_file_location("revision_file", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer["revision"] = str(getattr(module, "revision", ""))
        said = getattr(module, "release", {})
        answer["release"] = (
            {"phase": said.get("phase", "pre"), "lint_ok": list(said.get("lint_ok", ()))}
            if isinstance(said, dict)
            else {}
        )
        with Operations.context(context):
            module.upgrade()
    except (Exception, SystemExit) as error:
        answer["problem"] = f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        restore()
    return answer


def watch(path: Path, found: list[dict[str, Any]], state: dict[str, Any], context: Any) -> Callable[[], None]:
    """Record what is asked of alembic from here on; return a function that ends it."""
    from alembic.operations.base import AbstractOperations

    invoke, block = AbstractOperations.invoke, context.autocommit_block

    def recorded(self: Any, operation: Any) -> Any:
        if state["depth"] == 0:
            is_batch = type(self).__name__ == "BatchOperations"
            for one in (operation, *getattr(operation, "ops", ())):
                found.append(
                    {**described(one), "line": line_in(path), "autocommit": state["autocommit"], "batch": is_batch}
                )
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

    def restore() -> None:
        AbstractOperations.invoke = invoke  # type: ignore[method-assign]

    return restore


def described(operation: Any) -> dict[str, Any]:
    """Return what the rules need to know of one of alembic's operation objects."""
    kind = type(operation).__name__.removesuffix("Op")
    column = getattr(operation, "column", None)
    options = {**getattr(operation, "kw", {}), **getattr(operation, "dialect_kw", {})}
    return {
        "kind": kind,
        "table": str(getattr(operation, "table_name", "") or getattr(operation, "source_table", "") or ""),
        "name": str(
            getattr(column, "name", "")
            or getattr(operation, "column_name", "")
            or getattr(operation, "index_name", "")
            or getattr(operation, "constraint_name", "")
            or ""
        ),
        "is_required": column is not None and not column.nullable,
        "has_default": getattr(column, "server_default", None) is not None,
        "sets_required": getattr(operation, "modify_nullable", None) is False,
        "sets_type": getattr(operation, "modify_type", None) is not None,
        "renames": bool(getattr(operation, "modify_name", None)) or kind == "RenameTable",
        "concurrently": bool(options.get("postgresql_concurrently")),
        "not_valid": bool(options.get("postgresql_not_valid")),
        "sql": str(getattr(operation, "sqltext", "")),
    }


def line_in(path: Path) -> int:
    """Return the line of `path` that is being executed."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == str(path):
            return int(frame.f_lineno)
        frame = frame.f_back
    return 0


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Stop whoever reaches for the network or a database."""
    if event in _REFUSED:
        raise Refused(f"{event}: neither the network nor a database may be used")


if __name__ == "__main__":
    main()
