"""What does a statement do that a revision gives to `op.execute` as text?

Pure, and no parser of SQL: the few statements that the rules have something to say about are known by their first
words, in the spelling of PostgreSQL, MySQL and SQLite. Everything else stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .recorder import PLAIN

_NAME = r"(?:\"[^\"]+\"|`[^`]+`|[\w$]+)(?:\.(?:\"[^\"]+\"|`[^`]+`|[\w$]+))?"
_IF = r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)


def _pattern(text: str) -> re.Pattern[str]:
    words = text.replace("@", _NAME).replace("IF_", _IF).replace(" ", r"\s+").replace("~", r"\s*")
    return re.compile(rf"\s*{words}", re.IGNORECASE)


_STATEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (_pattern(text), kind)
    for text, kind in (
        (r"CREATE (?P<unique>UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?IF_(?:(?P<name>@) )?ON "
            r"(?:ONLY )?(?P<table>@)", "CreateIndex"),
        (r"DROP INDEX (?P<concurrently>CONCURRENTLY )?IF_(?P<name>@)", "DropIndex"),
        (r"CREATE (?:\w+ )?TABLE IF_(?P<table>@)", "CreateTable"),
        (r"DROP TABLE IF_(?P<table>@)", "DropTable"),
        (r"RENAME TABLE (?P<table>@)", "RenameTable"),
        (r"ALTER TYPE (?P<table>@) ADD VALUE IF_(?P<name>'[^']*')", "AddEnumValue"),
        (r"ALTER TYPE (?P<table>@) RENAME VALUE (?P<name>'[^']*')", "RenameTable"),
        (r"ALTER INDEX .*", "Other"),
        (r"SET (?:SESSION |LOCAL |GLOBAL )?foreign_key_checks~=~(?:0|OFF)", "SkipForeignKeyChecks"),
        (r"SET (?:SESSION |LOCAL )?foreign_key_checks", "KeepForeignKeyChecks"),
        (r"SET |SELECT |ANALYZE\b|COMMENT ON ", "Harmless"),
    )
)  # fmt: skip
_ALTER_TABLE = _pattern(r"ALTER TABLE IF_(?:ONLY )?(?P<table>@) (?P<actions>.*)")
_ACTIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (_pattern(text), kind)
    for text, kind in (
        (r"ADD (?:CONSTRAINT (?P<name>@) )?(?:UNIQUE|PRIMARY KEY) (?:KEY )?USING INDEX", "Other"),
        (r"ADD (?:CONSTRAINT (?P<name>@) )?FOREIGN KEY", "CreateForeignKey"),
        (r"ADD (?:CONSTRAINT (?P<name>@) )?CHECK~(?P<condition>\(.*\))", "CreateCheckConstraint"),
        (r"ADD (?:CONSTRAINT (?P<name>@) )?PRIMARY KEY", "CreatePrimaryKey"),
        (r"ADD (?:CONSTRAINT (?P<name>@) )?UNIQUE~(?:(?:INDEX|KEY) )?(?:\(|@)", "CreateUniqueConstraint"),
        (r"ADD (?:FULLTEXT |SPATIAL )?(?:INDEX|KEY) (?P<name>@)", "CreateIndex"),
        (r"ADD (?:CONSTRAINT|EXCLUDE|PARTITION)\b", "Other"),
        (r"ADD (?:COLUMN )?IF_(?P<name>@) (?P<definition>.*)", "AddColumn"),
        (r"DROP (?:CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|PARTITION)\b", "Other"),
        (r"DROP (?:COLUMN )?IF_(?P<name>@)", "DropColumn"),
        (r"RENAME (?:CONSTRAINT|INDEX|KEY)\b", "Other"),
        (r"RENAME (?:TO|AS) (?P<name>@)", "RenameTable"),
        (r"RENAME (?:COLUMN )?(?P<name>@) TO", "RenameColumn"),
        (r"ALTER (?:COLUMN )?(?P<name>@) SET NOT NULL", "SetRequired"),
        (r"ALTER (?:COLUMN )?(?P<name>@) (?:SET DATA )?TYPE (?P<type>.*)", "SetType"),
        (r"MODIFY (?:COLUMN )?(?P<name>@) (?P<type>.*)", "SetType"),
        (r"CHANGE (?:COLUMN )?(?P<name>@) (?P<other>@)", "Change"),
        (r"CONVERT TO (?P<type>.*)", "SetType"),
        (r"VALIDATE CONSTRAINT (?P<name>@)", "ValidateConstraint"),
    )
)  # fmt: skip
_DEFAULT = re.compile(r"\bDEFAULT\s+('(?:[^']|'')*'|\([^)]*\)|[\w.]+(?:\([^)]*\))?)", re.IGNORECASE)
_COMPUTED = re.compile(r"\bGENERATED\b|^\s*(?:BIG|SMALL)?SERIAL\b", re.IGNORECASE)


def operations_of(sql: str) -> list[dict[str, Any]]:
    """Return what the statements in `sql` do, with the keys of `recorder.PLAIN`; `sql` is each one's own text."""
    found: list[dict[str, Any]] = []
    for statement in split(sql, ";"):
        if statement.strip():
            found += [{**PLAIN, **operation, "sql": statement} for operation in _of_statement(statement)]
    return found


def split(text: str, separator: str) -> Iterator[str]:
    """Yield the parts of `text` between separators that are neither quoted nor in parentheses, without comments."""
    part, depth, position = "", 0, 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted is not None:
            part += "" if quoted[0].startswith(("--", "/*")) else quoted[0]
            position = quoted.end()
            continue
        letter = text[position]
        depth += (letter == "(") - (letter == ")")
        if letter == separator and depth <= 0:
            yield part
            part = ""
        else:
            part += letter
        position += 1
    yield part


def _of_statement(statement: str) -> Iterator[Mapping[str, Any]]:
    altered = _ALTER_TABLE.match(statement.replace("\n", " "))
    if altered is not None:
        for action in split(altered["actions"], ","):
            yield {"table": _plain(altered["table"]), **_of_action(action)}
        return
    for pattern, kind in _STATEMENTS:
        found = pattern.match(statement)
        if found is not None:
            words = found.groupdict()
            yield {
                "kind": kind,
                "table": _plain(words.get("table")),
                "name": _plain(words.get("name")),
                "concurrently": bool(words.get("concurrently")),
                "is_unique": bool(words.get("unique")),
                "renames": kind == "RenameTable",
            }
            return
    yield {"kind": "ExecuteSQL"}


def _of_action(action: str) -> Mapping[str, Any]:
    for pattern, kind in _ACTIONS:
        found = pattern.match(action)
        if found is None:
            continue
        words = found.groupdict()
        operation = {"kind": kind, "name": _plain(words.get("name")), "not_valid": _says(action, "NOT VALID")}
        match kind:
            case "AddColumn":
                definition = words["definition"]
                default = _DEFAULT.search(definition)
                return {
                    **operation,
                    "is_required": _says(definition, "NOT NULL"),
                    "has_default": default is not None,
                    "default": default[1] if default is not None else "",
                    "is_computed": _COMPUTED.search(definition) is not None,
                }
            case "CreateCheckConstraint":
                return {**operation, "condition": words["condition"].strip("() ")}
            case "RenameTable" | "RenameColumn":
                return {**operation, "renames": True}
            case "SetRequired":
                return {**operation, "kind": "AlterColumn", "sets_required": True}
            case "SetType":
                return {**operation, "kind": "AlterColumn", "sets_type": True, "type": (words["type"] or "").strip()}
            case "Change":
                renames = _plain(words["other"]) != operation["name"]
                return {**operation, "kind": "AlterColumn", "sets_type": True, "renames": renames}
            case _:
                return operation
    return {"kind": "Other"}


def _says(text: str, words: str) -> bool:
    return re.search(rf"\b{words.replace(' ', chr(92) + 's+')}\b", text, re.IGNORECASE) is not None


def _plain(name: str | None) -> str:
    """Return a name without quotes and schema."""
    return (name or "").strip().rpartition(".")[2].strip("\"`'")
