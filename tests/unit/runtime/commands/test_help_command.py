"""What `bin/NAME help` says: all that the commands take, in 80 columns."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.handmade import write_release

from releaser.runtime.commands import command_line, help_command
from releaser.runtime.commands.command_line import COMMANDS
from releaser.runtime.commands.help_command import OPTIONS, help_
from releaser.runtime.release.manifest import Command

RUNTIME = Path(command_line.__file__).parents[1]
READS_OPTIONS_IN = {
    "migrate": "migrations.options",
    "migrations": "migrations.options",
    "start": "supervisor.foreground",
}
LONG = "puts the demonstration data of all the tenants into the database, unless there is something in it already"


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {"help"}))
def test_every_option_that_a_command_reads_is_told(name: str) -> None:
    module = READS_OPTIONS_IN.get(name, COMMANDS[name][0])
    source = ast.parse((RUNTIME / f"{module.replace('.', '/')}.py").read_text())
    read = {
        node.value
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and re.fullmatch(r"--[a-z-]+", str(node.value))
    }
    readers = [other for other in COMMANDS if READS_OPTIONS_IN.get(other, COMMANDS[other][0]) == module]
    told = {word for other in readers for option, _ in OPTIONS.get(other, ()) for word in re.split("[, |]+", option)}
    assert read - {word.strip("[]") for word in told} == set()


def test_help_is_told_for_nothing_else() -> None:
    assert set(OPTIONS) <= set(COMMANDS)


@pytest.mark.parametrize("words", [[], *([name] for name in (*COMMANDS, "seed"))], ids=" ".join)
def test_no_line_is_wider_than_a_terminal(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = write_release(
        tmp_path,
        modules={"app.py": ""},
        commands=[Command(name="seed", path="commands/seed", summary=LONG)],
    )
    assert help_(release.context({}), words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: app")
    assert max(map(len, lines)) <= 80
    if words == ["seed"]:
        assert " ".join(lines[2:]) == LONG


def test_a_word_longer_than_a_line_is_told_whole() -> None:
    assert help_command._wrapped(f"see {'x' * 90} there", 80) == ["see", "x" * 90, "there"]
