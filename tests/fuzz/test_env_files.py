"""`env_file`: any bytes are variables that a process can be started with, or lines that are told and never repeated."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import strategies as st
from support.fuzzing import fuzzed, is_one_line, kept_cases, mutated, one_example
from support.handmade import write_release

from releaser.runtime.release.context import Context
from releaser.runtime.release.failures import DAMAGED, Failure
from releaser.runtime.release.variables import env_file

ORIGINALS = [
    b"PORT=8000\nexport A = 1  # one\n\nKEY=\"-----BEGIN-----\nabc\n-----END-----\"  # a key\nB='x \\n'\n",
    b'\xef\xbb\xbfURL=postgres://u:p@h/db?a=b\r\nNOTE="two\\nlines \\"q\\" \\\\ \\$"\r\n',
]
TOKENS = [
    b'"',
    b"'",
    b"\\",
    b"=",
    b"#",
    b" #",
    b"export ",
    b"RELEASE_VAR=",
    b"A=",
    b"\n\n",
    b"\\n",
    b"$",
    b"\xe2\x80\xa8",
]
_FRONTS = [
    "A=",
    "export B = ",
    " C =",
    "1D=",
    "=",
    "RELEASE_ROOT=",
    "LD_PRELOAD==",
    "x" * 2000 + "=",
    "\u00e4=",
    "#",
    "A\0=",
]
_VALUES = ["1", '"', "'", '"x"', "'y' # z", '"a\\', '"\\q"', "\0", '"\0"', "'a' b", "\x1b[2J"]
LINES = st.lists(
    st.builds(lambda front, value: front + value, st.sampled_from(_FRONTS), st.sampled_from(_VALUES)), max_size=8
).map("\n".join)
LARGE = ["A='x'\n", "A\n", 'A="\n"\n', '"']


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return write_release(tmp_path_factory.mktemp("release"), modules={"app.py": ""}, env_file="env").context({})


def check(context: Context, content: bytes) -> None:
    """Check that a file of these bytes gives variables, or a failure that repeats no value."""
    path = Path(context.layout.root) / "env"
    path.write_bytes(content)
    try:
        variables = env_file.read(context, {})
    except Failure as failure:
        lines, code = failure.lines(), failure.exit_code
    else:
        for name, value in variables.items():
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)
            assert not name.startswith("RELEASE_") or name not in ("RELEASE_ROOT", "RELEASE_VAR")
            assert b"\0" not in os.fsencode(value)
        return
    assert code == DAMAGED
    assert all(is_one_line(line) for line in lines)
    assert len(lines) <= 30
    assert all(len(line) <= 500 for line in lines)


@fuzzed(mutated(ORIGINALS, TOKENS), examples=200)
def test_a_file_with_slips_gives_variables_or_is_told(context: Context, content: bytes) -> None:
    with one_example():
        check(context, content)


@fuzzed(LINES, examples=200)
def test_a_file_of_any_lines_gives_variables_or_is_told(context: Context, text: str) -> None:
    with one_example():
        check(context, text.encode())


@fuzzed(st.binary(max_size=100), examples=50)
def test_any_bytes_give_variables_or_are_told(context: Context, content: bytes) -> None:
    with one_example():
        check(context, content)


@pytest.mark.parametrize("case", kept_cases("env_files"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_gives_variables_or_is_told(context: Context, case: Path) -> None:
    with one_example():
        check(context, case.read_bytes())


@pytest.mark.parametrize("line", LARGE, ids=repr)
def test_a_file_of_the_largest_size_is_read_at_once(context: Context, line: str) -> None:
    with one_example():
        check(context, (line * (1024 * 1024 // len(line))).encode())
