"""The file of variables on the host: what its lines mean, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.handmade import write_release

from releaser.runtime.release.context import Context
from releaser.runtime.release.failures import Failure
from releaser.runtime.release.variables import env_file


def context_of(tmp_path: Path, named: str, **fields: Any) -> Context:
    return write_release(tmp_path / "rel", modules={"app.py": ""}, env_file=named, **fields).context({})


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("PORT=8000\n", {"PORT": "8000"}),
        ("export PORT=8000\r\n", {"PORT": "8000"}),
        ("# a comment\n\n  PORT = 8000  # the usual one\n", {"PORT": "8000"}),
        ("EMPTY=\n", {"EMPTY": ""}),
        ("COLOUR=#fff\n", {"COLOUR": "#fff"}),
        ("PASSWORD=a$b${c}$$\n", {"PASSWORD": "a$b${c}$$"}),
        ("URL=postgres://u:p@h/db?a=b\n", {"URL": "postgres://u:p@h/db?a=b"}),
        ("NOTE=' as it  stands \\n '\n", {"NOTE": " as it  stands \\n "}),
        ('NOTE="two\\nlines and \\"quotes\\" \\\\ \\$"\n', {"NOTE": 'two\nlines and "quotes" \\ $'}),
        (
            'KEY="-----BEGIN-----\nabc\n-----END-----"  # a key\nB=2',
            {"KEY": "-----BEGIN-----\nabc\n-----END-----", "B": "2"},
        ),
        ("A=1\nA=2\n", {"A": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
    ],
)
def test_a_line_becomes_a_variable(text: str, variables: dict[str, str]) -> None:
    assert env_file.parse(text) == (variables, [])


def test_every_line_that_is_no_variable_is_told_with_its_number_and_without_its_text() -> None:
    text = "A=1\nhunter2\n1B=2\nRELEASE_VAR=/tmp\nC='x' y\nD=\"open\nE=1\n"

    assert env_file.parse(text)[1] == [
        (2, "expected NAME=value"),
        (3, "expected NAME=value"),
        (4, "RELEASE_VAR is set by the release itself"),
        (5, "text behind the quoted value of C"),
        (6, "the quote that begins D does not end"),
    ]


def test_a_value_that_no_variable_can_hold_is_told() -> None:
    assert env_file.parse("A=1\nB='x\0\ny'\n")[1] == [(2, "the value of B has a NUL, which no variable can hold")]


def test_of_thousands_of_wrong_lines_the_first_are_told(tmp_path: Path) -> None:
    context = context_of(tmp_path, "env")
    (tmp_path / "rel" / "env").write_text("wrong\n" * 5000)

    with pytest.raises(Failure) as caught:
        env_file.read(context, {})

    assert len(caught.value.details) == 21
    assert caught.value.details[-1] == "... and 4980 more"


def test_a_relative_path_starts_at_the_root_of_the_release(tmp_path: Path) -> None:
    context = context_of(tmp_path, "env")
    (tmp_path / "rel" / "env").write_text("A=1\r\n")

    assert env_file.read(context, {}) == {"A": "1"}


def test_variables_in_the_path_are_replaced(tmp_path: Path) -> None:
    context = context_of(tmp_path, "${PLACE:-/nowhere}/env")
    (tmp_path / "env").write_text("A=1\n")

    assert env_file.read(context, {"PLACE": str(tmp_path)}) == {"A": "1"}


def test_a_missing_file_is_an_error_unless_its_path_has_a_minus_in_front(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file") as caught:
        env_file.read(context_of(tmp_path, str(tmp_path / "missing")), {})
    assert "lets it be missing" in caught.value.hint
    assert env_file.read(context_of(tmp_path / "b", f"-{tmp_path}/missing"), {}) == {}


def test_a_file_that_may_be_missing_and_is_there_must_be_right(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("nonsense\n")

    with pytest.raises(Failure) as caught:
        env_file.read(context_of(tmp_path, f"-{tmp_path}/env"), {})
    assert caught.value.details == (f"{tmp_path}/env:1: expected NAME=value",)


def test_a_folder_and_text_that_is_not_utf_8_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"A=\xff\n")

    with pytest.raises(Failure, match="expected UTF-8 text"):
        env_file.read(context_of(tmp_path, str(tmp_path / "env")), {})
    with pytest.raises(Failure, match="not a regular file"):
        env_file.read(context_of(tmp_path / "b", str(tmp_path)), {})
