"""The tools that read the code: types, lint, format, shell, and words that must not be in the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SHELL_FILES = ("dev", ".ci/run", "rel/hooks/pre_start", "rel/hooks/post_start", "rel/commands/seed")


def run(*words: str) -> None:
    answer = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def tracked() -> list[str]:
    """Return the files that git tracks; outside of a checkout there is nothing to look at."""
    answer = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout")
    return [name for name in answer.stdout.splitlines() if (ROOT / name).is_file()]


def test_types_are_strict() -> None:
    run(str(BIN / "mypy"))


def test_lint_finds_nothing() -> None:
    run(str(BIN / "ruff"), "check", "--quiet", ".")


def test_the_format_is_one() -> None:
    run(str(BIN / "ruff"), "format", "--quiet", "--check", ".")


@pytest.mark.parametrize("name", SHELL_FILES)
def test_shell_is_clean(name: str) -> None:
    run(str(BIN / "shellcheck"), name)


def test_no_lock_that_records_hosts_is_tracked() -> None:
    assert [
        name for name in tracked() if Path(name).name in ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock")
    ] == []


def test_nothing_unfinished_is_in_the_code() -> None:
    words = ("TODO", "FIXME", "XXX", "NotImplementedError")
    found = [
        f"{name}: {word}"
        for name in tracked()
        if name.startswith("releaser/") and name.endswith((".py", ".j2"))
        for word in words
        if word in (ROOT / name).read_text(encoding="utf-8")
    ]
    assert found == []


def test_only_the_one_helper_waits() -> None:
    found = [
        f"{name}:{line}"
        for name in tracked()
        if name.startswith("tests/")
        and name.endswith(".py")
        and not name.startswith(("tests/support/", "tests/benchmarks/", "tests/projects/"))
        for line in calls_of_sleep(ROOT / name)
    ]
    assert found == []


def calls_of_sleep(path: Path) -> list[int]:
    """Return the lines in which a test itself sleeps; the text of an app that it runs is not looked at."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    # asyncio.sleep(0) waits for nothing: it lets others have their turn
    return [
        call.lineno
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] == "sleep" and ast.unparse(call.args[0]) != "0"
    ]
