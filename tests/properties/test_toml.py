"""Laws of the reader of TOML: what tomllib reads is read as the same values; what it refuses is refused with a place.

tomllib is the reference. Our own walk over the text comes first, for places and for words; the two must not differ.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.toml_sections import STATEMENTS, sections
from support.toml_texts import toml_texts

from releaser.config.document import Unusable, parse_document
from releaser.config.text.positions import Path as KeyPath
from releaser.config.text.positions import Positions, locate

OUT_OF_ORDER = """\
[release.shop.env]
A = "1"
[release.x]
entry_point = "x:main"
[release.shop]
entry_point = "shop:main"
[environment.dev]
[release]
[release.shop.hooks]
pre_start = "rel/a"
"""


def read(text: str) -> dict[str, Any] | Unusable:
    try:
        return dict(parse_document(text, "rel/config.toml").data)
    except Unusable as unusable:
        return unusable


def check_same(text: str) -> None:
    """Check that we and tomllib are of one opinion about `text`."""
    try:
        wanted: dict[str, Any] | None = tomllib.loads(text)
    except ValueError:
        wanted = None
    found = read(text)
    if wanted is None:
        assert isinstance(found, Unusable), f"tomllib refuses it, and it was read as {found}"
        file, line, column = found.problem.where.split(":")
        assert file == "rel/config.toml"
        assert 1 <= int(line) <= text.count("\n") + 1
        assert int(column) >= 1
        assert found.problem.what.isprintable()
        assert len(found.problem.what) <= 400
        return
    assert not isinstance(found, Unusable), f"tomllib reads it, and it was refused: {found.problem}"
    assert is_same(found, wanted)
    check_every_key_has_a_place(wanted, (), locate(text), text.split("\n"))


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, of the same types, in the same order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, datetime.datetime):
        return bool(one == other and one.utcoffset() == other.utcoffset())
    return bool(one == other)


def check_every_key_has_a_place(value: Any, path: KeyPath, positions: Positions, lines: list[str]) -> None:
    """Check that at the place of each key its name is written, and that each value has a place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            span = positions.keys[(*path, name)]
            written = lines[span.line - 1][span.column - 1 :][: span.length]
            assert tomllib.loads(f"{written} = 0") == {name: 0}
            check_every_key_has_a_place(inner, (*path, name), positions, lines)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            assert (*path, index) in positions.values
            check_every_key_has_a_place(inner, (*path, index), positions, lines)


@given(sections())
@example(OUT_OF_ORDER)
@example("[a.b]\n[a]\nb.c = 1\n")
@example("[[a]]\n[a.b]\n[[a]]\n[a.b]\n[a.b]\n")
@example("[a.b.c]\n[a]\nb.d = 1\n[a.b]\n")
@example("[a]\nb.c = 1\n[a.b.d]\n")
@example("[a]\nb.c = 1\n[a.b]\n")
@example("a = [{}]\n[a.b]\n")
@example("a = {}\n[a.b]\n")
@example("[[a.b]]\n[a]\nb.c = 1\n")
@example("a = { b = 1,\n}\n")
def test_tables_in_any_order_are_read_as_tomllib_reads_them(text: str) -> None:
    check_same(text)


@given(st.lists(STATEMENTS, max_size=6).map("\n".join))
@example('a = """\\ \r\n  b"""')
@example("a = '''\r'''")
@example('a = "\\uD800"')
@example("a = 1979-05-27T07:32:00+25:00")
@example("a = 0x" + "f" * 6000)
@example("a = " + "9" * 6000)
@example("a = 1e999")
@example("\x00")
@example("a = 1\rb = 2")
def test_values_in_any_spelling_are_read_as_tomllib_reads_them(text: str) -> None:
    check_same(text)


@given(toml_texts(), st.data())
def test_a_slip_of_the_keyboard_is_judged_as_tomllib_judges_it(
    drawn: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, _ = drawn
    at = data.draw(st.integers(0, len(text)))
    slip = data.draw(st.text("[]{}=,.#\"'\\ \n\r\tab-_0123:$\x00é", max_size=2))
    check_same(text[:at] + slip + text[at + data.draw(st.integers(0, 3)) :])


@given(st.text("[]{}=,.#\"'\\ \n\r\tabeu-_0123:TZ\x00\x7fé", max_size=40))
def test_any_text_is_judged_as_tomllib_judges_it(text: str) -> None:
    check_same(text)


@pytest.mark.parametrize("depth", [102, 300, 5_000, 100_000])
@pytest.mark.parametrize(
    "spelled",
    [
        lambda depth: "a = " + "[" * depth,
        lambda depth: "a = " + "{ b = " * depth,
        lambda depth: "a = " + "[{ b = " * depth,
        lambda depth: "a = " + "{ b.b.b = " * depth,
        lambda depth: ".".join("a" * depth) + " = 1",
        lambda depth: f"[{'.'.join('a' * depth)}]",
        lambda depth: f"[[{'.'.join('a' * depth)}]]",
    ],
)
def test_what_is_nested_too_deeply_is_refused_at_its_place(spelled: Any, depth: int) -> None:
    found = read(f"# a\n{spelled(depth)}\n")

    assert isinstance(found, Unusable)
    assert found.problem.where.startswith("rel/config.toml:2:")
    assert found.problem.what == "nested more than 100 levels deep"


@given(st.integers(1, 100), st.integers(1, 50), st.integers(1, 2))
@example(100, 50, 2)
@example(100, 100, 1)
def test_what_is_nested_less_deeply_is_read(header: int, depth: int, dots: int) -> None:
    assume(depth * dots <= 100)
    text = f"[{'.'.join('a' * header)}]\nb = {('{' + '.'.join('c' * dots) + '=') * depth}1{'}' * depth}\n"

    check_same(text)
