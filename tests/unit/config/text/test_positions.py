"""Every key and value has its place, however it is written; broken text is named where it breaks."""

from __future__ import annotations

import pytest

from releaser.config.text.positions import Path, Span, Unreadable, locate


def places(text: str, path: Path) -> tuple[str, str]:
    """Return the text at the place of the last key of `path`, and that at its value."""
    positions = locate(text)
    return at(text, positions.key(path)), at(text, positions.value(path))


def at(text: str, span: Span) -> str:
    line = text.split("\n")[span.line - 1]
    return line[span.column - 1 :][: span.length]


@pytest.mark.parametrize(
    ("text", "path", "key", "value"),
    [
        ("a = 1", ("a",), "a", "1"),
        ("a=1# b", ("a",), "a", "1"),
        ("# a = 2\n\n  a   =\t1.5e3  # c", ("a",), "a", "1.5e3"),
        ("a.b . c = true", ("a", "b", "c"), "c", "true"),
        ("a.b . c = true", ("a", "b"), "b", "b"),
        ("\"a b\".'c.d' = 1", ("a b", "c.d"), "'c.d'", "1"),
        ('"\\u00e4" = 1', ("ä",), '"\\u00e4"', "1"),
        ("[a.b]\nc = 1", ("a", "b", "c"), "c", "1"),
        ("[a.b]\nc = 1", ("a",), "a", "a"),
        ("[ a . b ] # x\nc = 1", ("a", "b"), "b", "[ a . b ]"),
        ("[a.b]\n[a]\nc = 1", ("a",), "a", "[a]"),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), "b", "2"),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), "c", "2"),
        ("[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2", ("a", 0, "b", 1, "c"), "c", "2"),
        ("a = [1, [2, 33],\n # x ]\n 4,\n]", ("a", 1, 1), "[2, 33]", "33"),
        ("a = [1, [2, 33],\n # x ]\n 4,\n]", ("a", 2), "[1, [2, 33],", "4"),
        ("a = [1, [2, 33],\n # x ]\n 4,\n]", ("a",), "a", "[1, [2, 33],"),
        ("a = { b = { c.d = 1 }, e = [{}, {f=2}] }", ("a", "b", "c", "d"), "d", "1"),
        ("a = { b = { c.d = 1 }, e = [{}, {f=2}] }", ("a", "e", 1, "f"), "f", "2"),
        ("[a.b]\n[c]\n[a]\nd.e = 1", ("a", "d", "e"), "e", "1"),
        ("[a.b.c]\n[x]\n[a]\nb.d = 1", ("a", "b", "d"), "d", "1"),
        ("[a]\nb.c = 1\n[x]\n[a.b.d]\ne = 2", ("a", "b", "d", "e"), "e", "2"),
        ("[[a]]\nb = 1\n[x]\n[a.c]\nd = 2", ("a", 0, "c", "d"), "d", "2"),
        ('a = "x # y \\" z"', ("a",), "a", '"x # y \\" z"'),
        ("a = 'x \\' # z", ("a",), "a", "'x \\'"),
        ('a = """x\ny = 1\n"""\nb = 2', ("a",), "a", '"""x'),
        ('a = """x\ny = 1\n"""\nb = 2', ("b",), "b", "2"),
        ('a = """""q"""""\nb = 2', ("b",), "b", "2"),
        ("a = '''''q'''''\nb = 2", ("b",), "b", "2"),
        ('a = ""\nb = """"""', ("b",), "b", '""""""'),
        ('a = """\\\n  x"""\nb = 2', ("b",), "b", "2"),
        ("a = 1979-05-27 07:32:00Z # x", ("a",), "a", "1979-05-27 07:32:00Z"),
        ("a = 07:32:00", ("a",), "a", "07:32:00"),
        ("a = +1_000\r\nb = -inf\r\n", ("b",), "b", "-inf"),
        ("a = [\r\n  1,\r\n]\r\n", ("a",), "a", "["),
        ("a = 0xDEAD_beef", ("a",), "a", "0xDEAD_beef"),
    ],
)
def test_a_key_and_its_value_are_found(text: str, path: Path, key: str, value: str) -> None:
    assert places(text, path) == (key, value)


def test_what_is_not_there_has_the_place_of_what_is_above_it() -> None:
    positions = locate("[a]\nb = 1")

    assert positions.value(("a", "x", "y")) == positions.value(("a",))
    assert positions.value(("x",)) == Span(line=1, column=1, length=1)


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a", 1, 2, "expected '=' after the key, found the end of the file"),
        ("a =", 1, 4, "expected a value after '=', found the end of the file"),
        ("a = # b\n", 1, 5, "expected a value after '=', found '#'"),
        ("[a", 1, 3, "expected ']' after the name of the table"),
        ("[[a]", 1, 4, "expected ']]' after the name of the table"),
        ("[]", 1, 2, "expected a key, found ']'"),
        ("a. = 1", 1, 4, "expected a key, found '='"),
        ("größe = 1", 1, 3, "expected '=' after the key, found 'ö'"),
        ("[a]\nb = 1\n[[a]]", 3, 1, "this is one table already, from line 1"),
        ("[a.b]\nc = 1\n[[a]]", 3, 1, "this is one table already, from line 1"),
        ("[" + ".".join("a" * 101) + "]", 1, 202, "nested more than 100 levels deep"),
        (".".join("a" * 101) + " = 1", 1, 201, "nested more than 100 levels deep"),
        ("# a\x00b", 1, 4, "the control character U+0000 cannot stand in a comment"),
        ("# a\rb\r\n", 1, 4, "the control character U+000D cannot stand in a comment"),
        ("a = { b = 0755 }", 1, 11, "a number does not begin with 0, found 0755"),
        ("a = 1 b = 2", 1, 7, "expected the end of the line, found 'b'"),
        ("a = {b = 1", 1, 5, "this inline table is not closed; its '}' is missing"),
        ("a = {b = 1 c = 2}", 1, 12, "expected ',' or '}' in the inline table that starts on line 1"),
        ("a = '''x\n", 1, 5, "this text is not closed; its ''' is missing"),
        ('a = "x\\', 1, 5, 'this text is not closed; its " is missing'),
        ("a = \x01", 1, 5, "expected a value after '=', found the character U+0001"),
        ("\x01 = 1", 1, 1, "expected a key, found the character U+0001"),
        ("[a]\n[b]\n[a]", 3, 1, "this table is there already, from line 1"),
        ("a = 1\n[a]", 2, 1, "this table is there already, from line 1"),
        ("a.b = 1\na.b = 2", 2, 3, "'b' is there twice, first on line 1"),
        ('a = 1\n"a" = 2', 2, 1, "'a' is there twice, first on line 1"),
        ("a = {\n  b = 1 }", 1, 5, "an inline table ends on the line that it starts on"),
        ("a = { b = 1, }", 1, 12, "an inline table does not end with a comma"),
        ("a = {}\n[a.b]", 2, 2, "'a' has a value already, from line 1; nothing can stand below it"),
        ("a = [{}]\n[[a.b]]", 2, 3, "'a' has a value already, from line 1; nothing can stand below it"),
        ("[[a.b]]\n[a]\nb.c = 1", 3, 1, "'b' is a table with a header already, from line 1"),
        ("[a]\nb.c = 1\n[a.b]", 3, 1, "dotted keys have made this table already, from line 2"),
        ("a = 1_", 1, 5, "not valid TOML: invalid number"),
        ("a = 25:00:00", 1, 5, "not valid TOML: invalid time"),
        ("a = " + "9" * 5000, 1, 5, "a number of so many digits cannot be read"),
        ("a = " + "x" * 5000, 1, 5, f"expected a value, found the bare word '{'x' * 37}...'"),
        ("a = 0" + "1" * 5000, 1, 5, f"a number does not begin with 0, found 0{'1' * 36}..."),
        ('a = "\\e"', 1, 6, "'\\e' means nothing in text with double quotes"),
        ('a = "\\\n"', 1, 5, 'this text is not closed; its " is missing'),
        ('a = "\\uD800"', 1, 6, "'\\uD800' means nothing in text with double quotes"),
        ('a = """\\ x"""', 1, 8, "'\\ ' means nothing in text with double quotes"),
        ('a = """\r"""', 1, 8, "the control character U+000D cannot stand in text"),
        ('"""a""" = 1', 1, 1, "a key has single quotes around it, not three"),
        ("a = " + "{ b = " * 101 + "1" + "}" * 101, 1, 611, "nested more than 100 levels deep"),
        ("a = " + "{ b.c = " * 51 + "1" + "}" * 51, 1, 413, "nested more than 100 levels deep"),
        ("a = {}\na.b = 2", 2, 1, "'a' has a value already, from line 1; nothing can stand below it"),
    ],
)
def test_broken_text_is_named_where_it_breaks(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(Unreadable) as caught:
        locate(text)

    span = caught.value.span
    assert (span.line, span.column, caught.value.what) == (line, column, what)
