"""How does a step run another program, and what is told when that fails?"""

from __future__ import annotations

from releaser.build.stage.under_way import Stage
from releaser.build.tools.commands import Program, ProgramFailed
from releaser.errors import BuildError

LAST_LINES = 15


def run_program(stage: Stage, program: Program, sentence: str) -> None:
    """Run `program`.

    Raises:
        BuildError: it failed; `sentence` says what that means, the last lines that it printed are beside it.
    """
    try:
        stage.run(program)
    except ProgramFailed as error:
        raise failure(error, sentence) from error


def failure(error: ProgramFailed, sentence: str) -> BuildError:
    """Return what a person is told of a program that failed."""
    return BuildError(
        f"{sentence}: {error}",
        output=error.lines[-LAST_LINES:],
        hint="'releaser build -v' shows everything it prints",
    )
