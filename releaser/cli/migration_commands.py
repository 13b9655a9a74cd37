"""What can be asked of a project's revisions without a database and a build? `releaser migrations lint` and `graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from releaser.config import read_config
from releaser.errors import Problem, ProjectError, UsageError
from releaser.migrations import Graph, read_graph
from releaser.plan.gather import gather_facts

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
@click.pass_context
def lint_command(context: click.Context, /, **where: str) -> None:
    """Show what would stop the app or break the old code, and what to do instead.

    Exits with 1 when there is something.
    """
    graphs = _graphs(**where)
    findings = [(database, finding) for database, graph in graphs.items() for finding in graph.findings]
    for database, finding in findings:
        of = f"{database}: " if len(graphs) > 1 else ""
        print(f"{of}{finding.sentence()}\n    instead: {finding.instead}")
    if not findings:
        print("nothing was found")
    context.exit(FOUND if findings else 0)


@migrations_group.command("graph")
@_options
def graph_command(**where: str) -> None:
    """Show the line of revisions, from the base to the head."""
    graphs = _graphs(**where)
    for database, graph in graphs.items():
        if len(graphs) > 1:
            print(f"{database}:")
        for revision in graph.line:
            indent = "  " if len(graphs) > 1 else ""
            print(f"{indent}{revision}{' (head)' if revision in graph.heads else ''}")


def _graphs(python: str, config: str, environment: str, release: str, database: str) -> Mapping[str, Graph]:
    """Return the graph of each of the release's databases, or of the one that is asked for.

    Raises:
        ProjectError: the release has none, or there is no interpreter with the app's packages.
        UsageError: the release has no database of that name.
    """
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
    return {
        name: read_graph(
            fact.folder,
            python=interpreter,
            site_packages=folders[-1],
            source_paths=tuple(str(folder) for folder in (project / "src", project) if folder.is_dir()),
            config=fact.config,
            root=profile.root,
        )
        for name, fact in found.items()
        if fact.folder is not None and database in ("", name)
    }
