"""The command build: it takes what the last build has made, or builds, and tells people or CI of it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from releaser.cli.exit_codes import BUG, SIGNALLED
from releaser.cli.interruption import Interrupted, told_if_interrupted
from releaser.cli.options import OfAProfile, plan_of, profile_options
from releaser.cli.output.lines import print_lines, saying_done, warn
from releaser.errors import Problem, ReleaserError, UsageError
from releaser.runtime.release import writing

if TYPE_CHECKING:
    from releaser.build.publish.built import Built
    from releaser.build.tools.report import Report
    from releaser.cli.output.json_report import JsonReport
    from releaser.migrations import Graph
    from releaser.plan.plan import Plan


@click.command("build", cls=OfAProfile)
@profile_options
@click.option("-v", "--verbose", is_flag=True, help="Show the commands that are run, and what they print.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors and warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line, for CI.")
@click.option("--offline", is_flag=True, help="Take packages from caches and find_links only.")
@click.option("--force", "is_forced", is_flag=True, help="Build even if nothing has changed since the last build.")
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
    is_forced: bool,
    sign_key: Path | None,
) -> None:
    """Build a release and its archive."""
    from releaser.cli.output.progress import report_for
    from releaser.cli.output.summary import built_lines, shown

    began = time.monotonic()
    if verbose and quiet:
        raise UsageError("--verbose and --quiet cannot be used together", now="nothing was built")
    if as_json and quiet:
        raise UsageError("--json and --quiet cannot be used together", now="nothing was built")
    events = _events(verbose) if as_json else None
    with failures_as_events(events):
        if sign_key is not None:
            from releaser.artifacts.signatures import check_key

            check_key(sign_key)
        plan = plan_of(config, release, environment, fetch=None if offline else _fetch(config, quiet or as_json))
        if sign_key is not None:
            from releaser.plan.make import signed

            plan = signed(plan, sign_key.absolute())
        with events or report_for(sys.stdout, verbose=verbose, quiet=quiet) as report:
            built = _unchanged(plan, is_offline=offline, is_strict=strict) if not is_forced else None
            built = built or _build(plan, report, is_offline=offline, is_strict=strict)
        warnings: tuple[Problem | str, ...] = (*plan.warnings, *built.warnings)
        if events is not None:
            events.built(plan, built, time.monotonic() - began, warnings)
        elif not quiet:
            with saying_done():
                print_lines(built_lines(plan, built, time.monotonic() - began, Path.cwd()))
        if strict and warnings:
            from releaser.build.executor import refuse_warnings

            refuse_warnings(warnings, f"the new build is in {shown(built.folder, Path.cwd())}")
    warn(warnings)


def _fetch(config: str, is_silent: bool) -> Callable[[str], None]:
    """Return what has uv fetch a Python before anything is built."""

    def fetch(version: str) -> None:
        from releaser.build.interpreter.fetching import fetch_python
        from releaser.cli.output.progress import report_for

        with report_for(sys.stdout, verbose=False, quiet=is_silent) as report:
            fetch_python(version, Path(config).absolute().parent.parent, report)

    return fetch


@contextlib.contextmanager
def failures_as_events(events: JsonReport | None) -> Iterator[None]:
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


def _unchanged(plan: Plan, *, is_offline: bool, is_strict: bool) -> Built | None:
    """Return what the last build has made if this one would make the same; a warning that is an error is never old."""
    with told_if_interrupted("nothing was built"):
        from releaser.build.publish.receipt import find_unchanged

        built = find_unchanged(plan, epoch=_epoch(), is_offline=is_offline)
    return None if built is not None and is_strict and (plan.warnings or built.warnings) else built


def _build(plan: Plan, report: Report, *, is_offline: bool, is_strict: bool) -> Built:
    with told_if_interrupted("nothing was built"):
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
    from releaser.cli.output.json_report import JsonReport

    return JsonReport(sys.stdout, verbose=verbose)


def _epoch() -> int:
    from releaser.build.publish.built import FIRST_EPOCH

    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return FIRST_EPOCH
    if not text.isdecimal():
        raise UsageError(f"SOURCE_DATE_EPOCH is no number of seconds: '{text}'", now="nothing was built")
    return int(text)
