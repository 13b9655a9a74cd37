"""Where does `releaser` start? The command line: arguments in, sentences and exit codes out.

A command imports what it needs when it is called: all of it together takes longer than a build that has nothing to do.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from releaser.cli import artifact_commands, project_commands
from releaser.cli.build_command import build_command
from releaser.cli.exit_codes import BUG, SIGNALLED
from releaser.cli.interruption import Interrupted, interruptible
from releaser.cli.lock_command import lock_command
from releaser.cli.migration_commands import migrations_group
from releaser.cli.output.lines import has_colour, width
from releaser.cli.output.messages import format_error
from releaser.cli.words import check_words
from releaser.errors import ReleaserError, UsageError, reason_of
from releaser.runtime.release import writing

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group that names the nearest command when there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f"did you mean '{near[0]}'?" if near else "'releaser --help' lists the commands"
            raise UsageError(f"there is no command '{name}'", hint=hint)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order that they are met in, not by the alphabet."""
        return list(self.commands)


@click.group(cls=Commands, context_settings=_CONTEXT, no_args_is_help=False, invoke_without_command=True)
@click.version_option(importlib.metadata.version("releaser-py"), prog_name="releaser", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Build self-contained releases of Python services.

    A release is one directory, and one file to copy, that holds an app, its dependencies, its hooks and its
    migrations. bin/NAME inside it does everything an operator needs.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _command in (
    build_command,
    lock_command,
    *project_commands.COMMANDS,
    *artifact_commands.COMMANDS,
    migrations_group,
):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    try:
        with interruptible():
            code = run(sys.argv[1:] if arguments is None else arguments)
    except Interrupted as interruption:  # before the command line is looked at, or while a failure is told
        code = _tell_interrupted(interruption)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; every way to fail is told here, and nowhere else."""
    try:
        _check_surroundings()
        check_words(arguments)
        return writing.finish(_invoke(arguments))
    except writing.Unwritten as error:
        return writing.finish(writing.tell_unwritten(error))
    except ReleaserError as error:
        return _tell(error)
    except click.ClickException as error:
        return _tell(_usage_error(error))
    except Interrupted as interruption:
        return _tell_interrupted(interruption)
    except Exception:
        return _end_with(traceback.format_exc() + "error: this is a bug in releaser; the lines above say where", BUG)


def _invoke(arguments: Sequence[str]) -> int:
    """Do what click's `main` does, which would take a closed pipe into its own hands."""
    try:
        with program.make_context("releaser", list(arguments)) as context:
            code = program.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return code if isinstance(code, int) else 0


def _tell(error: ReleaserError) -> int:
    return _end_with(format_error(error, colour=has_colour(), width=width()), error.exit_code)


def _tell_interrupted(interruption: Interrupted) -> int:
    text = "; ".join(["interrupted", *getattr(interruption, "__notes__", [])])
    return _end_with(text, SIGNALLED + interruption.number)


def _end_with(text: str, code: int) -> int:
    """Say `text` after all that was printed, as far as either can be written, and return `code`."""
    writing.finish(code)
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr)
    return writing.finish(code)


def _usage_error(error: click.ClickException) -> UsageError:
    """Return what click found wrong with the command line, in our words where it has its own."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"'{context.command_path} --help' lists the options" if context else ""
    if isinstance(error, click.NoSuchOption):
        near = f"did you mean '{error.possibilities[0]}'?" if error.possibilities else hint
        return UsageError(f"there is no option '{error.option_name}'", hint=near)
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _check_surroundings() -> None:
    """Make sure that there is a folder to start from, and that any character can be printed.

    Raises:
        ReleaserError: the folder that this process was started in is gone.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal or a log of another encoding
    try:
        Path.cwd()
    except OSError as error:
        raise ReleaserError(f"cannot read the current folder: {reason_of(error)}") from error
