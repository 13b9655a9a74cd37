"""TOML as sections in any order, most of it right and some of it not, for hypothesis.

Few names, so that headers, dotted keys, inline tables and arrays of tables meet at the same table.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_NAMES = st.sampled_from(["a", "a", "b", "b", "c", '"a"', "'b'", '"\\u0061"', '""', '"a.b"'])
_KEYS = st.lists(_NAMES, min_size=1, max_size=3).map(".".join)
# fmt: off
VALUES = st.sampled_from([
    "1", "-0", "+1_000", "1__0", "01", "0x1F", "0b2", "0o17", "1.5", "1.", ".5", "1e3", "1_e3", "inf", "-nan", "+true",
    "true", "True", "2026-01-01", "2026-02-30", "2026-01-01 10:00:00", "2026-01-01T10:00:00.123456789Z", "10:00",
    "2026-01-01T10:00:00+02:30", "2026-01-01 10:00:00z # x", "10:00:61", "10:00:00.5", "24:00:00", "2026-01-01 ", "''",
    '"x"', "'x'", '"\\t\\u00e4\\U0001F600"', '"\\e"', '"\\x41"', '"\\U00110000"', '"\\"', "'\\'", '"""\nx\\\n  y"""',
    '"""a\\ b"""', "'''\nx\r\ny'''", '"""""x"""""', "'''''x'''''", '"""x\\"""', "[]", "[1, 'a']", "[1,, 2]", "[,]",
    "[1,\n# x\n]", "{}", "{ a = 1 }", "{ a.b = 1, a.c = 2 }", "{ a = {}, a.b = 1 }", "{ a = 1, }", "{ a = 1\n}",
    "{ a = [\n1] }", "[{ a = 1 }, {}]", "[[[]]]", "{ a = 1, a = 2 }", "{ 'a' = { b = {} } }", "", "x", "\u2028", "\x7f",
    "'\u00a0'", "'\x0b'", '"\ufeff"', "99999999999999999999", "1e400", "# x", "= 1", "1 2", "1 # \x08",
])
# fmt: on
_LINES = st.builds(lambda key, value: f"{key} = {value}", _KEYS, VALUES | st.sampled_from(["1", "{}", "[]", "[{}]"]))
_HEADERS = st.one_of(
    _KEYS.map("[{}]".format), _KEYS.map("[{}]".format), _KEYS.map("[[{}]]".format), _KEYS.map("[ {} ] # x".format)
)
STATEMENTS = st.one_of(
    _LINES, _HEADERS, st.sampled_from(["", "# x", "\t", "[]", "[[a]", "[a", "a", "a =", "\r", "[a]]", "[ [a] ]"])
)


@st.composite
def sections(draw: Any) -> str:
    """Draw a document of headers, each with a few plain lines, so that most of what is drawn is valid."""
    lines: list[str] = []
    for header in draw(st.lists(st.none() | _HEADERS, max_size=7)):
        lines += [header] if header else []
        keys = draw(st.lists(_KEYS, max_size=3, unique=True))
        lines += [f"{key} = {draw(st.sampled_from(['1', '{}', '[]', '[{}]', '{ a.b = 1 }']))}" for key in keys]
    return draw(st.sampled_from(["\n", "\n", "\r\n"])).join([*lines, ""])
