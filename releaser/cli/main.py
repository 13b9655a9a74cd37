"""Where does `releaser` start? The command line: arguments in, sentences and exit codes out.

A command imports what it needs when it is called: all of it together takes longer than a build that has nothing to do.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
import io
import json
import os
import shlex
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from releaser.cli import artifact_commands
from releaser.cli.generate import KINDS
from releaser.cli.heard import DONE
from releaser.cli.messages import format_error, format_warnings
from releaser.cli.migration_commands import migrations_group
from releaser.cli.words import check_words
from releaser.errors import ConfigError, Problem, ReleaserError, UsageError, reason_of
from releaser.runtime.release import writing

if TYPE_CHECKING:
    from releaser.build.publish.built import Built
    from releaser.build.tools.report import Report
    from releaser.cli.json_report import JsonReport
    from releaser.migrations import Graph
    from releaser.plan.steps import Plan

DEFAULT_CONFIG = "rel/config.toml"
USAGE = 2
BUG = 70
SIGNALLED = 128


class Interrupted(BaseException):
    """SIGINT or SIGTERM came: what is under way unwinds, and removes what it has staged."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


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


class OfAProfile(click.Command):
    """A command about a release and an environment, which are named by options: a bare word may be one of them."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            words = " ".join(rest)
            raise UsageError(
                f"got unexpected extra argument{'s' if len(rest) > 1 else ''} ({words})",
                hint=self._meant(ctx, rest[0]) or f"'{ctx.command_path} --help' lists the options",
            )
        return rest

    def _meant(self, ctx: click.Context, word: str) -> str:
        from releaser.config import read_config

        options = {option for parameter in self.params for option in parameter.opts}
        try:
            config = read_config(Path(ctx.params["config"]))
        except (ConfigError, OSError):
            return ""
        names = (("--release", config.release_names), ("--env", config.environment_names))
        ways = [
            f"'{ctx.command_path} {option} {word}'" for option, known in names if option in options and word in known
        ]
        return f"did you mean {' or '.join(ways)}?" if ways else ""


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_CONFIG_OPTION = click.option(
    "--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"Configuration file; {DEFAULT_CONFIG} if not given."
)
_PROFILE_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.option(
        "--env", "environment", metavar="ENV", default="", help="Environment; default_environment if not given."
    ),
    click.option("--release", metavar="NAME", default="", help="Release; default_release if not given."),
    _CONFIG_OPTION,
)


def _profile_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_PROFILE_OPTIONS):
        function = option(function)
    return function


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


@program.command("build", cls=OfAProfile)
@_profile_options
@click.option("-v", "--verbose", is_flag=True, help="Show the commands that are run, and what they print.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors and warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line, for CI.")
@click.option("--offline", is_flag=True, help="Take packages from caches and find_links only.")
@click.option("--force", is_flag=True, help="Build even if nothing has changed since the last build.")
@click.option("--warnings-as-errors", "strict", is_flag=True, help="Publish nothing if there is a warning.")
@click.option(
    "--sign",
    "sign_key",
    metavar="KEY",
    type=click.Path(path_type=Path),
    help="Sign the archive and what lies beside it with this OpenSSH key, or the agent's if it is KEY.pub.",
)
def build_command(
    environment: str,
    release: str,
    config: str,
    verbose: bool,
    quiet: bool,
    as_json: bool,
    strict: bool,
    offline: bool,
    force: bool,
    sign_key: Path | None,
) -> None:
    """Build a release and its archive."""
    from releaser.cli.progress import report_for
    from releaser.cli.summary import built_lines, shown

    began = time.monotonic()
    if verbose and quiet:
        raise UsageError("--verbose and --quiet cannot be used together", now="nothing was built")
    if as_json and quiet:
        raise UsageError("--json and --quiet cannot be used together", now="nothing was built")
    events = _events(verbose) if as_json else None
    with _failures_as_events(events):
        if sign_key is not None:
            from releaser.artifacts.signatures import check_key

            check_key(sign_key)
        plan = _plan(config, release, environment)
        if sign_key is not None:
            from releaser.plan.make import signed

            plan = signed(plan, sign_key.absolute())
        with events or report_for(sys.stdout, verbose=verbose, quiet=quiet) as report:
            built = _unchanged(plan, is_offline=offline, is_strict=strict) if not force else None
            built = built or _build(plan, report, is_offline=offline, is_strict=strict)
        warnings: tuple[Problem | str, ...] = (*plan.warnings, *built.warnings)
        if events is not None:
            events.built(plan, built, time.monotonic() - began, warnings)
        elif not quiet:
            with _done():
                _print(built_lines(plan, built, time.monotonic() - began, Path.cwd()))
        if strict and warnings:
            from releaser.build.executor import refuse_warnings

            refuse_warnings(warnings, f"the new build is in {shown(built.folder, Path.cwd())}")
    _warn(warnings)


@program.command("plan", cls=OfAProfile)
@_profile_options
def plan_command(environment: str, release: str, config: str) -> None:
    """Check, and list the steps of a build."""
    from releaser.build.stage.plugins import Plugins
    from releaser.cli.summary import plan_lines

    plan = _plan(config, release, environment)
    warnings: list[Problem | str] = [*plan.warnings]
    Plugins(plan).check(note=print, warn=warnings.append)
    _print(plan_lines(plan, Path.cwd()))
    _warn(warnings)


@program.command("check", cls=OfAProfile)
@click.option("--env", "environment", metavar="ENV", default="", help="Environment; each of them if not given.")
@click.option("--release", metavar="NAME", default="", help="Release; each of them if not given.")
@_CONFIG_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--warnings-as-errors", "strict", is_flag=True, help="Fail if there is a warning.")
def check_command(environment: str, release: str, config: str, as_json: bool, strict: bool) -> None:
    """Check each release for each environment, or those named."""
    from releaser.build.executor import refuse_warnings
    from releaser.cli.check_command import NOW, check_all, checked_json, checked_lines, refuse_problems, warnings_in
    from releaser.plan.missing_files import read_config_and_see_its_files

    path = Path(config)
    try:
        found = read_config_and_see_its_files(path, now=NOW)
    except ConfigError as error:
        if as_json:
            with contextlib.suppress(writing.Unwritten):  # what is wrong with the project comes first
                _print([checked_json((), error.problems)])
        raise
    checked = check_all(found, path, release, environment)
    with contextlib.suppress(writing.Unwritten):
        _print([checked_json(checked)] if as_json else checked_lines(checked))
    refuse_problems(checked)
    sys.stdout.flush()
    warnings = warnings_in(checked)
    if strict:
        refuse_warnings(warnings, NOW)
    if not as_json:
        _warn(warnings)


@program.command("clean", cls=OfAProfile)
@click.option("--env", "environment", metavar="ENV", default="", help="Environment; all of them if not given.")
@click.option("--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"Configuration; {DEFAULT_CONFIG} if not given.")
@click.option("--implode", is_flag=True, help="Also remove var, what releases run from there have written.")
def clean_command(environment: str, config: str, implode: bool) -> None:
    """Remove what builds have made."""
    from releaser.cli.clean_command import clean_all, clean_lines
    from releaser.cli.progress import report_for
    from releaser.config import read_config

    found = read_config(Path(config), now="nothing was removed")
    with report_for(sys.stdout, verbose=False, quiet=False) as report:
        cleaned = clean_all(found, environment, implode=implode, report=report)
    with _done():
        _print(clean_lines(cleaned, Path.cwd()))


@program.command("init")
@click.argument("path", required=False, default=".")
@click.option("--force", is_flag=True, help="Write every file anew, over what is there.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
def init_command(path: str, force: bool, dry_run: bool) -> None:
    """Write a first rel/config.toml and its hooks, or add to one."""
    from releaser.cli.beginning import changed_lines, found_lines, next_lines, refused_later
    from releaser.init.choices import choose, choose_beside
    from releaser.init.files import changes_for, has_release, write
    from releaser.init.findings import find

    folder = Path(path)
    found = find(folder)
    choices = choose_beside(found) if has_release(folder) and not force else choose(found)
    changes = changes_for(folder, choices, force=force)
    if not dry_run:
        write(folder, changes.changes)
    lines = [*found_lines(found, choices), "", *changed_lines(changes, is_dry=dry_run)]
    if dry_run:
        _print(lines)
    else:
        with _done():
            where = () if folder.resolve() == Path.cwd() else (shlex.quote(path),)
            _print([*lines, "", *next_lines(found, changes, where)])
    _warn(refused_later(changes))


@program.command("config", cls=OfAProfile)
@_profile_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def config_command(environment: str, release: str, config: str, as_json: bool) -> None:
    """Show every setting that holds, and where it is written."""
    from releaser.cli.explained import explained_json, explained_lines
    from releaser.config import read_config
    from releaser.config.explain import explain

    found = read_config(Path(config))
    found.profile(release or None, environment or None)
    name, env, setting = found.merged(release or None, environment or None)
    settings = explain(setting)
    if as_json:
        _print([explained_json(found.file, name, env, settings)])
    else:
        _print(explained_lines(found.file, name, env, settings))


@program.command("docs")
@click.argument("topic", required=False, default="")
def docs_command(topic: str) -> None:
    """Print a page of the documentation, or the list of pages."""
    from releaser.cli.topics import page, topic_lines

    _print([page(topic).rstrip("\n")] if topic else topic_lines())


@program.command("generate")
@click.argument("kind", default="", metavar="|".join(KINDS))
@_profile_options
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
    plan = _plan(config, release, environment, now=NOTHING_WRITTEN)
    match kind:
        case "systemd":
            files = systemd_files(plan, root=root or f"/opt/{plan.sketch.name}", user=user, has_socket=has_socket)
        case "containerfile":
            files = {"Containerfile": containerfile(plan, Path.cwd())}
        case _:
            files = {"Procfile": procfile(plan, Path.cwd())}
    _deliver(files, output)


@program.command("schema")
def schema_command() -> None:
    """Print the JSON schema of rel/config.toml, for editors."""
    from releaser.config.schema import json_schema

    _print([json.dumps(json_schema(), indent=2)])


for _command in (*artifact_commands.COMMANDS, migrations_group):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    try:
        with _interruptible():
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
        return writing.finish(writing.told(error))
    except ReleaserError as error:
        return _tell(error)
    except click.ClickException as error:
        return _tell(_usage_error(error))
    except Interrupted as interruption:
        return _tell_interrupted(interruption)
    except Exception:
        return _told(traceback.format_exc() + "error: this is a bug in releaser; the lines above say where", BUG)


def _invoke(arguments: Sequence[str]) -> int:
    """Do what click's `main` does, which would take a closed pipe into its own hands."""
    try:
        with program.make_context("releaser", list(arguments)) as context:
            code = program.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def _failures_as_events(events: JsonReport | None) -> Iterator[None]:
    """Tell `events`, if there are any, of a failure on its way up to where people are told."""
    if events is None:
        yield
        return
    try:
        yield
    except ReleaserError as error:
        events.error(error)
        raise
    except Interrupted as interruption:
        now = "; ".join(getattr(interruption, "__notes__", ()))
        events.ended("interrupted", SIGNALLED + interruption.number, now)
        raise
    except writing.Unwritten:
        raise
    except Exception:
        events.ended("a bug in releaser", BUG)
        raise


def _plan(config: str, release: str, environment: str, now: str = "nothing was built") -> Plan:
    from releaser.plan.gather import gather_facts
    from releaser.plan.make import make_plan
    from releaser.plan.missing_files import read_config_and_see_its_files

    path = Path(config)
    with _told_if_interrupted(now):
        profile = read_config_and_see_its_files(path, now=now).profile(release or None, environment or None, now=now)
        return make_plan(profile, gather_facts(profile, path))


@contextlib.contextmanager
def _told_if_interrupted(now: str) -> Iterator[None]:
    try:
        yield
    except Interrupted as interruption:
        interruption.add_note(now)
        raise


def _unchanged(plan: Plan, *, is_offline: bool, is_strict: bool) -> Built | None:
    """Return what the last build has made if this one would make the same; a warning that is an error is never old."""
    with _told_if_interrupted("nothing was built"):
        from releaser.build.publish.receipt import find_unchanged

        built = find_unchanged(plan, epoch=_epoch(), is_offline=is_offline)
    return None if built is not None and is_strict and (plan.warnings or built.warnings) else built


def _build(plan: Plan, report: Report, *, is_offline: bool, is_strict: bool) -> Built:
    with _told_if_interrupted("nothing was built"):
        from releaser.build.executor import build

    return build(
        plan,
        report=report,
        read_graph=_read_graph,
        epoch=_epoch(),
        warnings_as_errors=is_strict,
        is_offline=is_offline,
    )


def _read_graph(scripts: Path, **where: Any) -> Graph:
    from releaser.migrations import read_graph

    return read_graph(scripts, **where)


def _events(verbose: bool) -> JsonReport:
    from releaser.cli.json_report import JsonReport

    return JsonReport(sys.stdout, verbose=verbose)


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


def _epoch() -> int:
    from releaser.build.publish.built import FIRST_EPOCH

    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return FIRST_EPOCH
    if not text.isdecimal():
        raise UsageError(f"SOURCE_DATE_EPOCH is no number of seconds: '{text}'", now="nothing was built")
    return int(text)


def _tell(error: ReleaserError) -> int:
    return _told(format_error(error, colour=_has_colour(), width=_width()), error.exit_code)


def _tell_interrupted(interruption: Interrupted) -> int:
    text = "; ".join(["interrupted", *getattr(interruption, "__notes__", [])])
    return _told(text, SIGNALLED + interruption.number)


def _told(text: str, code: int) -> int:
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


def _print(lines: Sequence[str]) -> None:
    """Print `lines`, and whatever was printed before and is still in the buffer."""
    for line in lines:
        print(line)
    sys.stdout.flush()


@contextlib.contextmanager
def _done() -> Iterator[None]:
    """Say, where what was done cannot be told, that it is done."""
    try:
        yield
    except writing.Unwritten as error:
        error.now = DONE
        raise


def _warn(warnings: Sequence[Problem | str]) -> None:
    sys.stdout.flush()
    if warnings:
        print(format_warnings(warnings, colour=_has_colour(), width=_width()), file=sys.stderr)


def _has_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def _width() -> int:
    """Return the columns to wrap messages at; 0, do not, unless a person reads them."""
    return shutil.get_terminal_size().columns if sys.stderr.isatty() else 0


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `Interrupted`, once: a second one must not stop the cleaning up.

    Not Python's KeyboardInterrupt, which click takes for its own.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
