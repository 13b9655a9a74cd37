"""`releaser lock`: what the project asks for, resolved once into a pylock.toml that the next builds install."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from releaser.cli.interruption import told_if_interrupted
from releaser.cli.options import OfAProfile, profile_options
from releaser.cli.output.lines import print_lines, saying_done
from releaser.errors import ProjectError

_NOW = "nothing was written"


@click.command("lock", cls=OfAProfile)
@profile_options
@click.option("--upgrade", is_flag=True, help="Look for newer versions of what the lock has already.")
@click.option("-v", "--verbose", is_flag=True, help="Show the commands that are run, and what they print.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
def lock_command(environment: str, release: str, config: str, upgrade: bool, verbose: bool, quiet: bool) -> None:
    """Write a pylock.toml with hashes, for a project without a lock."""
    from releaser.build.dependencies.making_locks import Order, make_lock
    from releaser.build.tools.installers import choose_installer
    from releaser.cli.output.progress import report_for
    from releaser.config import read_config
    from releaser.plan.gather import gather_facts, wanted_by
    from releaser.plan.project.locks.anew import made_anew_by, made_by_releaser

    path = Path(config)
    with told_if_interrupted(_NOW):
        profile = read_config(path, now=_NOW).profile(release or None, environment or None, now=_NOW)
        facts = gather_facts(profile, path)
    if facts.project is None:
        raise ProjectError(f"cannot lock {profile.name}: {facts.project_trouble}", now=_NOW)
    lock = facts.lock
    to = lock.path if lock and lock.kind == "pylock" else facts.project.folder / "pylock.toml"
    if lock is not None and not made_by_releaser(lock.path):
        what = f"{lock.shown} is the lock of {profile.name}, and builds use it"
        raise ProjectError(what, now=_NOW, hint=made_anew_by(lock))
    if facts.unusable_lock is not None:
        shown, why = facts.unusable_lock.shown, facts.unusable_lock.why
        raise ProjectError(f"{shown} cannot be used: {why}", now=_NOW, hint=facts.unusable_lock.hint)
    if facts.interpreter is None:
        raise ProjectError(
            f"cannot lock {profile.name}: there is no Python for it here", now=_NOW, hint="releaser check"
        )
    wanted = facts.wanted or wanted_by(profile, facts.project)
    if wanted is None:
        raise ProjectError(f"{profile.name} asks for no package: there is nothing to lock", now=_NOW)
    links = tuple((profile.root / folder).resolve() for folder in profile.find_links)
    with report_for(sys.stdout, verbose=verbose, quiet=quiet) as report:
        report.step(f"resolve {wanted.asks}")
        made = make_lock(
            Order(
                project=facts.project.folder,
                wanted=wanted,
                extras=profile.extras,
                groups=profile.groups,
                to=to,
                upgrade=upgrade,
            ),
            choose_installer(facts.interpreter.path, find_links=links),
            report,
        )
    if not quiet:
        what = f"wrote {os.path.relpath(to)}" if made.is_changed else f"{os.path.relpath(to)} is as it was"
        with saying_done():
            print_lines([f"{what}: {made.packages} {'package' if made.packages == 1 else 'packages'} with hashes"])
