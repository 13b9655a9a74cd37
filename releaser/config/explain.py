"""Which value does each setting have in the end, and where was it written? For `releaser config`."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from releaser.config.document import dotted
from releaser.config.kinds import Setting, TableOf
from releaser.config.profile import Origin
from releaser.config.sections import Field, Section, toml_value
from releaser.config.settings.assembly import Plain
from releaser.config.settings.migrations import MIGRATIONS, Databases
from releaser.config.settings.tables import ROWS

HIDDEN = "(hidden)"
_PASSWORD = re.compile(r"(://[^:/@\s]*:)((?:\$\{[^}]*\}|[^@/\s])+)(@)")
_IN_QUERY = re.compile(
    r"([?&][a-z_]*(?:password|passwd|pwd|token|secret|key)=)((?:\$\{[^}]*\}|[^&#\s])+)()", re.IGNORECASE
)
"""`?password=...`, as drivers and services take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One setting that holds."""

    name: str
    """Its keys below the release, as TOML writes them: `hooks.pre_start`."""
    value: Any
    """Plain, as it is written or as the default would be."""
    origin: Origin | None
    """None: it is the default."""


def explain(setting: Setting) -> tuple[Explained, ...]:
    """Return every setting that holds, those of the reference page in its order, the defaults of unwritten ones too."""
    return tuple(_below((), ROWS, setting))


def as_toml(value: Any) -> str:
    """Return a plain value as TOML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            inside = ", ".join(f"{dotted((name,))} = {as_toml(entry)}" for name, entry in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)


def without_password(text: str) -> str:
    """Return `text` with what is secret in a URL in it, if there is one, replaced as by `without_secret`."""
    for secret in (_PASSWORD, _IN_QUERY):
        text = secret.sub(lambda found: found[1] + without_secret(found[2]) + found[3], text)
    return text


def without_secret(text: str) -> str:
    """Return what may be shown of a text that is secret: the names of variables, and that something else is there."""
    if re.fullmatch(r"(\$\{[^}:]*\})+", text):
        return text
    default = re.fullmatch(r"(\$\{[^}:]*:-)[^}]+\}", text)
    return f"{default[1]}{HIDDEN}}}" if default else HIDDEN


def _below(path: tuple[str, ...], rows: tuple[Field, ...], setting: Setting) -> Iterator[Explained]:
    for row in rows:
        here = (*path, row.name)
        found = setting.value.get(row.name)
        if found is not None:
            yield from _written(here, row, found)
        elif row.default and (not row.needs or row.needs in setting.value):
            yield Explained(name=dotted(here), value=toml_value(row.default), origin=None)


def _written(path: tuple[str, ...], row: Field, found: Setting) -> Iterator[Explained]:
    databases = row.kind.databases(found) if isinstance(row.kind, Databases) else {}
    for name, whole in databases.items():
        yield from _below((*path, name), MIGRATIONS.fields, whole)
    if databases:
        return
    is_short = found.replaces and found.written is not None
    if isinstance(row.kind, Section) and not is_short and isinstance(found.value, dict):
        yield from _below(path, row.kind.fields, found)
    elif isinstance(row.kind, TableOf | Plain) and isinstance(found.value, dict) and found.value:
        kind = row.kind.element if isinstance(row.kind, TableOf) else row.kind
        for name, entry in found.value.items():
            element = Field(name=name, kind=kind, doc="", example="")
            yield from _written((*path, name), element, entry)
    else:
        written = {} if found.written is None else found.written  # an empty table was laid over another one
        yield Explained(name=dotted(path), value=written, origin=found.origin)
