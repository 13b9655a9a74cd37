"""What can be asked of a project's revisions without a database and a build? `releaser migrations lint` and `graph`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from releaser.errors import Problem, ProjectError, UsageError

if TYPE_CHECKING:
    from releaser.migrations import Graph

FOUND = 1
NOW = "nothing was changed"


@click.group("migrations")
def migrations_group() -> None:
    """Look at the project's alembic revisions, without a database."""


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--python", metavar="PATH", default="", help="An interpreter that has the app's packages."),
        click.option("--config", metavar="FILE", default="rel/config.toml", help="Another rel/config.toml."),
        click.option("--env", "environment", metavar="ENV", default="", help="Environment; else default_environment."),
        click.option("--release", metavar="NAME", default="", help="Release; else default_release."),
        click.option("--database", metavar="NAME", default="", help="One of several databases; else all of them."),
    ):
        function = option(function)
    return function


@migrations_group.command("lint")
@_options
@click.option("--all", "is_all", is_flag=True, help="Revisions that are released too.")
@click.pass_context
def lint_command(context: click.Context, /, is_all: bool, **where: str) -> None:
    """Show what would stop the app or break the old code, and what to do instead.

    Of the revisions after `released`, if that is set. Exits with 1 when there is something.
    """
    count = 0
    graphs = _graphs(**where)
    for database, (graph, released) in graphs.items():
        number = graph.line.index(released) + 1 if released in graph.line and not is_all else 0
        known = graph.line[:number]
        problems = graph.out_of_order(known) if known else ()
        findings = [finding for finding in graph.findings if finding.revision not in known]
        told = [(f"{problem.where}: {problem.what}", problem.hint) for problem in problems]
        told += [(finding.sentence(), finding.instead) for finding in findings]
        of = f"{database}: " if len(graphs) > 1 else ""
        for sentence, instead in told:
            print(_wrapped(f"{of}{sentence}", "", "    "))
            print(_wrapped(f"instead: {instead}", "    ", "      "))
        if graph.trouble:
            print(f"warning: {graph.trouble}", file=sys.stderr)
        count += len(told)
        files = len({finding.path for finding in findings} | {problem.where for problem in problems})
        print(
            f"{of}{_amount(len(told), 'finding')} in {_amount(files if told else len(graph.line) - number, 'revision')}"
        )
    context.exit(FOUND if count else 0)


@migrations_group.command("graph")
@_options
def graph_command(**where: str) -> None:
    """Show the line of revisions, from the base to the head, and what each is to a release.

    That is its phase, if that is post; whether the release before may run on the database with it, as far as that is
    known; and where the new ones begin, if `released` is set.
    """
    graphs = _graphs(**where)
    for database, (graph, released) in graphs.items():
        if len(graphs) > 1:
            print(f"{database}:")
        indent = "  " if len(graphs) > 1 else ""
        width = max(len(revision) for revision in graph.line)
        for revision in graph.line:
            notes = [
                "head" if revision in graph.heads else "",
                "released" if revision == released else "",
                "post" if revision in graph.post else "",
                {True: "compatible", False: "not compatible", None: ""}[graph.compatible.get(revision)],
            ]
            told = ", ".join(note for note in notes if note)
            title = f"{graph.titles.get(revision, '')}{f' ({told})' if told else ''}"
            print(_wrapped(f"{revision:{width}}  {title}".rstrip(), indent, indent + " " * (width + 2)))


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _wrapped(text: str, first: str, then: str) -> str:
    """Return `text` broken at the terminal's width; as it is where there is no terminal, for other programs."""
    if not sys.stdout.isatty():
        return f"{first}{text}"
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )


def _graphs(python: str, config: str, environment: str, release: str, database: str) -> Mapping[str, tuple[Graph, str]]:
    """Return the graph of each of the release's databases, or of the one that is asked for, and its `released`.

    Raises:
        ProjectError: the release has none, or there is no interpreter with the app's packages.
        UsageError: the release has no database of that name.
    """
    from releaser.config import read_config
    from releaser.migrations import read_graph
    from releaser.plan.gather import gather_facts

    path = Path(config)
    profile = read_config(path, now=NOW).profile(release or None, environment or None, now=NOW)
    facts = gather_facts(profile, path)
    found = {name: fact for name, fact in facts.migrations.items() if fact.folder is not None}
    if not found:
        raise ProjectError(f"the release {profile.name} has no migrations", now=NOW)
    if database and database not in found:
        message = f"the release {profile.name} has no database '{database}'; it has {', '.join(found)}"
        raise UsageError(message, now=NOW)
    project = (profile.root / profile.project).resolve()
    interpreter = Path(python).absolute() if python else project / ".venv" / "bin" / "python"
    folders = sorted(interpreter.parent.parent.glob("lib/python3*/site-packages"))
    if not interpreter.exists() or not folders:
        problem = Problem(where=str(interpreter), what="there is no virtual environment with the app's packages")
        raise ProjectError("cannot import the revisions", problems=(problem,), now=NOW)
    specs = {spec.name: spec for spec in profile.migrations}
    return {
        name: (
            read_graph(
                fact.folder,
                python=interpreter,
                site_packages=folders[-1],
                source_paths=tuple(str(folder) for folder in (project / "src", project) if folder.is_dir()),
                config=fact.config,
                root=profile.root,
                lint_ignore=specs[name].lint_ignore,
                squawk=facts.squawk,
            ),
            specs[name].released,
        )
        for name, fact in found.items()
        if fact.folder is not None and database in ("", name)
    }
