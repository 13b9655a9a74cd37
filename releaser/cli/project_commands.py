"""What can be asked of a project, and written for it, without building it? plan, check, clean, init and others."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from releaser.cli.generate import KINDS
from releaser.cli.options import CONFIG_OPTION, DEFAULT_CONFIG, OfAProfile, plan_of, profile_options
from releaser.cli.output.lines import print_lines, saying_done, warn
from releaser.errors import ConfigError, Problem, ProjectError, ReleaserError, UsageError, reason_of
from releaser.runtime.release import writing


@click.command("plan", cls=OfAProfile)
@profile_options
def plan_command(environment: str, release: str, config: str) -> None:
    """Check, and list the steps of a build."""
    from releaser.build.stage.plugins import Plugins
    from releaser.cli.output.summary import plan_lines

    plan = plan_of(config, release, environment)
    warnings: list[Problem | str] = [*plan.warnings]
    Plugins(plan).check(note=print, warn=warnings.append)
    print_lines(plan_lines(plan, Path.cwd()))
    warn(warnings)


@click.command("check", cls=OfAProfile)
@click.option("--env", "environment", metavar="ENV", default="", help="Environment; each of them if not given.")
@click.option("--release", metavar="NAME", default="", help="Release; each of them if not given.")
@CONFIG_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--warnings-as-errors", "strict", is_flag=True, help="Fail if there is a warning.")
def check_command(environment: str, release: str, config: str, as_json: bool, strict: bool) -> None:
    """Check each release for each environment, or those named."""
    from releaser.build.executor import refuse_warnings
    from releaser.cli.check_command import NOW, check_all, checked_json, checked_lines, refuse_problems, warnings_in
    from releaser.plan.files.missing import read_config_and_see_its_files

    path = Path(config)
    try:
        found = read_config_and_see_its_files(path, now=NOW)
    except ConfigError as error:
        if as_json:
            with contextlib.suppress(writing.Unwritten):  # what is wrong with the project comes first
                print_lines([checked_json((), error.problems)])
        raise
    checked = check_all(found, path, release, environment)
    with contextlib.suppress(writing.Unwritten):
        print_lines([checked_json(checked)] if as_json else checked_lines(checked))
    refuse_problems(checked)
    sys.stdout.flush()
    warnings = warnings_in(checked)
    if strict:
        refuse_warnings(warnings, NOW)
    if not as_json:
        warn(warnings)


@click.command("clean", cls=OfAProfile)
@click.option("--env", "environment", metavar="ENV", default="", help="Environment; all of them if not given.")
@click.option("--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"Configuration; {DEFAULT_CONFIG} if not given.")
@click.option("--implode", is_flag=True, help="Also remove var, what releases run from there have written.")
def clean_command(environment: str, config: str, implode: bool) -> None:
    """Remove what builds have made."""
    from releaser.cli.clean_command import clean_all, clean_lines
    from releaser.cli.output.progress import report_for
    from releaser.config import read_config

    found = read_config(Path(config), now="nothing was removed")
    with report_for(sys.stdout, verbose=False, quiet=False) as report:
        cleaned = clean_all(found, environment, implode=implode, report=report)
    with saying_done():
        print_lines(clean_lines(cleaned, Path.cwd()))


@click.command("init")
@click.argument("path", required=False, default=".")
@click.option("--force", "is_forced", is_flag=True, help="Write every file anew, over what is there.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would be written, and write nothing.")
def init_command(path: str, is_forced: bool, is_dry_run: bool) -> None:
    """Write a first rel/config.toml and its hooks, or add to one."""
    from releaser.cli.output.beginning import changed_lines, found_lines, next_lines, refused_later
    from releaser.init.choices import choose, choose_beside
    from releaser.init.files import changes_for, has_release, write
    from releaser.init.findings import find

    folder = Path(path)
    with naming_apps_below(folder):
        found = find(folder)
        choices = choose_beside(found) if has_release(folder) and not is_forced else choose(found)
    changes = changes_for(folder, choices, is_forced=is_forced)
    if not is_dry_run:
        write(folder, changes.changes)
    lines = [*found_lines(found, choices), "", *changed_lines(changes, is_dry_run=is_dry_run)]
    if is_dry_run:
        print_lines(lines)
    else:
        with saying_done():
            where = () if folder.resolve() == Path.cwd() else (shlex.quote(path),)
            print_lines([*lines, "", *next_lines(found, changes, where)])
    warn(refused_later(found, changes))


@contextlib.contextmanager
def naming_apps_below(folder: Path) -> Iterator[None]:
    """Have a failure name the folders below that look like apps, where there are any."""
    from releaser.init.below import apps_below, hint_of

    try:
        yield
    except ProjectError as error:
        if hint := hint_of(apps_below(folder)):
            raise ProjectError(error.message, problems=error.problems, now=error.now, hint=hint) from None
        raise


@click.command("config", cls=OfAProfile)
@profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config_command(environment: str, release: str, config: str, as_json: bool) -> None:
    """Show every setting that holds, and where it is written."""
    from releaser.cli.output.explained import explained_json, explained_lines
    from releaser.config import read_config
    from releaser.config.explain import explain

    found = read_config(Path(config))
    found.profile(release or None, environment or None)
    name, env, setting = found.merged(release or None, environment or None)
    settings = explain(setting)
    if as_json:
        print_lines([explained_json(found.file, name, env, settings)])
    else:
        print_lines(explained_lines(found.file, name, env, settings))


@click.command("docs")
@click.argument("topic", required=False, default="")
def docs_command(topic: str) -> None:
    """Print a page of the documentation, or the list of pages."""
    from releaser.cli.topics import page, topic_lines

    print_lines([page(topic).rstrip("\n")] if topic else topic_lines())


@click.command("generate")
@click.argument("kind", default="", metavar="|".join(KINDS))
@profile_options
@click.option("--root", metavar="DIR", default="", help="Where it is deployed (systemd); /opt/NAME if not given.")
@click.option("--user", metavar="USER", default="", help="Who runs it (systemd); NAME if not given.")
@click.option("--socket", "has_socket", is_flag=True, help="Let systemd open the sockets: a socket unit besides.")
@click.option("--output", metavar="DIR", default="", help="Write files there; without it they are printed.")
def generate_command(
    kind: str, environment: str, release: str, config: str, root: str, user: str, has_socket: bool, output: str
) -> None:
    """Write systemd units, a Containerfile or a Procfile."""
    from releaser.cli.generate import NOW as NOTHING_WRITTEN
    from releaser.cli.generate import containerfile, procfile, systemd_files

    if kind not in KINDS:
        found = f", found '{kind}'" if kind else ""
        raise UsageError(f"expected one of {', '.join(KINDS)}{found}", now=NOTHING_WRITTEN)
    plan = plan_of(config, release, environment, now=NOTHING_WRITTEN)
    match kind:
        case "systemd":
            files = systemd_files(plan, root=root or f"/opt/{plan.sketch.name}", user=user, has_socket=has_socket)
        case "containerfile":
            files = {"Containerfile": containerfile(plan, Path.cwd())}
        case _:
            files = {"Procfile": procfile(plan, Path.cwd())}
    _deliver(files, output)


def _deliver(files: Mapping[str, str], output: str) -> None:
    if not output:
        print("\n".join(files.values()), end="")
        return
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (Path(output) / name).write_text(text, encoding="utf-8")
            print(Path(output) / name)
    except OSError as error:
        raise ReleaserError(
            f"cannot write to {output}: {reason_of(error)}", now="not every file was written"
        ) from error


@click.command("schema")
def schema_command() -> None:
    """Print the JSON schema of rel/config.toml, for editors."""
    from releaser.config.schema import json_schema

    print_lines([json.dumps(json_schema(), indent=2)])


COMMANDS = (
    plan_command,
    check_command,
    clean_command,
    init_command,
    config_command,
    docs_command,
    generate_command,
    schema_command,
)
"""In the order that they are met in."""
