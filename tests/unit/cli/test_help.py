"""What `--help` says: whole sentences within 80 columns, and what holds when an option is not given."""

from __future__ import annotations

from click.testing import CliRunner

from releaser.cli.main import program


def help_of(*words: str) -> str:
    done = CliRunner().invoke(program, [*words, "--help"], terminal_width=80)
    assert done.exit_code == 0
    return done.output


def test_each_command_is_described_by_a_whole_sentence() -> None:
    commands = help_of().partition("Commands:\n")[2].splitlines()

    assert len(commands) == len(program.commands)
    assert all(line.endswith(".") and not line.endswith("...") and len(line) <= 80 for line in commands)


def test_every_release_and_environment_is_checked_when_none_is_named_and_help_says_so() -> None:
    assert "Environment; each of them if not given." in help_of("check")
    assert "Environment; default_environment if not given." in help_of("plan")
