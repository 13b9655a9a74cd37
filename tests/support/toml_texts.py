"""TOML in every spelling: tables and the many ways to write the same one, for hypothesis."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from releaser.config.settings.hooks import EVENTS, hook_fields
from releaser.config.settings.migrations import MIGRATIONS
from releaser.config.settings.readiness import READINESS
from releaser.config.settings.tables import ROWS, TOP

TOP_NAMES = [row.name for row in TOP.fields]
SETTING_NAMES = [row.name for row in ROWS]
INNER_NAMES = [
    *(row.name for row in (*READINESS.fields, *MIGRATIONS.fields, *hook_fields(EVENTS[0]))),
    *(event.name for event in EVENTS),
]
# fmt: off
TEXTS = [
    "shop:main", "a.b:c.d", "rel/hooks/a", "../x", "/abs", "~", ".", "1.4.0",
    "project", "git", "30s", "500ms", "never", "0s", "${PORT:-8000}", "${",
    "$", "$$", "127.0.0.1:8000", "[::1]:80", "unix:/run/a", "http://h/x", "notify", "started",
    "abort", "stop", "warn", "post_start", "A=1", "PORT",
]
# fmt: on
_ESCAPED = {'"': '\\"', "\\": "\\\\"}
_BARE = re.compile(r"[A-Za-z0-9_-]+")

printable = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in (*range(32), 127)]), max_size=12
)
texts = st.sampled_from(TEXTS) | printable | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
days = st.dates(min_value=datetime.date(1000, 1, 1))
scalars: st.SearchStrategy[Any] = (
    texts
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.floats()
    | days.map(lambda day: datetime.datetime.combine(day, datetime.time(7, 32)))
    | days
    | st.times()
)


def names(*known: list[str]) -> st.SearchStrategy[str]:
    """Return names, most of them known."""
    return st.one_of(*(st.sampled_from(some) for some in known), printable)


values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names(SETTING_NAMES, INNER_NAMES), inner, max_size=3),
    max_leaves=8,
)
settings = st.dictionaries(names(SETTING_NAMES, SETTING_NAMES), values, max_size=5) | values
documents: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    names(TOP_NAMES, TOP_NAMES),
    st.dictionaries(names(["shop", "dev", "prod"]), settings, max_size=3) | values,
    max_size=5,
)


def inline(value: Any, choose: Any) -> str:
    """Return `value` as one TOML value, in a spelling that `choose` (a strategy's draw) picks."""
    if isinstance(value, str):
        return _text(value, choose)
    if isinstance(value, list):
        space = choose(st.sampled_from(["", " ", "\n  ", "\n# a = [1,\n"]))
        return f"[{','.join(space + inline(element, choose) for element in value)}{space}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key(name, choose)} = {inline(inner, choose)}' for name, inner in value.items())}}}"
    return _plain(value)


def key(name: str, choose: Any) -> str:
    """Return `name` as one part of a key."""
    if _BARE.fullmatch(name) and choose(st.booleans()):
        return name
    if "'" not in name and name.isprintable() and choose(st.booleans()):
        return f"'{name}'"
    return _basic(name)


@st.composite
def toml_texts(draw: Any, tables: st.SearchStrategy[dict[str, Any]] = documents) -> tuple[str, dict[str, Any]]:
    """Draw a document and one of the ways to write it."""
    data = draw(tables)
    ending = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    lines = "".join(_table((), data, draw))
    return lines.replace("\n", ending) if "'''" not in lines and '"""' not in lines else lines, data


def _table(path: tuple[str, ...], table: Mapping[str, Any], choose: Any) -> list[str]:
    """Return the lines of a table: first what stands in it, then the tables below it under headers of their own."""
    here: list[str] = []
    below: list[str] = []
    for name, value in table.items():
        written = key(name, choose)
        style = choose(st.sampled_from(["inline", "header", "dotted"]))
        if isinstance(value, Mapping) and style == "header":
            header = ".".join(key(part, choose) for part in (*path, name))
            below += [f"[{header}]  # [x]\n", *_table((*path, name), value, choose)]
        elif isinstance(value, list) and value and all(isinstance(e, Mapping) for e in value) and style == "header":
            header = ".".join(key(part, choose) for part in (*path, name))
            for element in value:
                below += [f"[[ {header} ]]\n", *_only_here(element, choose)]
        elif isinstance(value, Mapping) and value and style == "dotted":
            here += [f"{written} . {key(inner, choose)}={inline(of, choose)}\n" for inner, of in value.items()]
        else:
            here.append(f"{written} = {inline(value, choose)} # = ]\n")
    return here + below


def _only_here(table: Mapping[str, Any], choose: Any) -> list[str]:
    return [f"\t{key(name, choose)} = {inline(value, choose)}\n" for name, value in table.items()]


def _text(value: str, choose: Any) -> str:
    style = choose(st.sampled_from(["basic", "literal", "long", "long literal"]))
    is_plain = value.isprintable()
    if style == "literal" and is_plain and "'" not in value:
        return f"'{value}'"
    if style == "long":
        return f'"""\n{_basic(value)[1:-1]}"""'
    if style == "long literal" and is_plain and "'" not in value:
        return f"'''\n{value}'''"
    return _basic(value)


def _basic(value: str) -> str:
    return '"' + "".join(_ESCAPED.get(c) or (c if c.isprintable() else f"\\U{ord(c):08X}") for c in value) + '"'


def _plain(value: Any) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    return str(value.isoformat())
