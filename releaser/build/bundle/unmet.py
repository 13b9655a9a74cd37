"""Does the lock still hold what the project asks for? Told by the metadata of its wheel and of what was installed.

A lock that was made before the last change of `pyproject.toml` makes a release that fails at its first import. uv can
be told to leave out or to replace what a project asks for; its lock then knows the requirement, and that is no fault.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from releaser.build.project.flat_layout import pyproject_of
from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import dist_infos
from releaser.errors import Problem
from releaser.plan.facts import Lock
from releaser.plan.project.locks.anew import made_anew_by
from releaser.plan.project.target_markers import applies, marker_environment
from releaser.plan.steps import InstallDependencies


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A requirement that what is installed does not meet."""

    requirement: Requirement
    found: str
    """The version that is there; empty: none is."""


def unmet_problems(stage: Stage) -> Iterator[Problem]:
    """Yield a problem for each requirement of the project that its lock does not meet."""
    for step in stage.plan.steps:
        if isinstance(step, InstallDependencies) and step.lock is not None:
            installed = installed_versions(stage.site_packages)
            environment = marker_environment(stage.plan.interpreter)
            for each in _of_all(step, stage, installed, environment):
                if not is_known(each.requirement, step.lock):
                    yield _problem(each, step.lock)


def unmet(
    requirements: Sequence[str],
    installed: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    of: str = "",
    extras: Sequence[str] = (),
) -> Iterator[Unmet]:
    """Yield each of `requirements`, those of the distribution `of` with these `extras`, that `installed` does not meet.

    `installed` are versions by canonical name. An extra may name others: `all = ["shop[fast,web]"]`.
    """
    waiting = ["", *map(canonicalize_name, extras)]
    seen: set[str] = set()
    told: set[str] = set()
    while waiting:
        extra = waiting.pop(0)
        seen.add(extra)
        for text in requirements:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            if not applies(str(requirement.marker or ""), environment, extra):
                continue
            name = canonicalize_name(requirement.name)
            if name == canonicalize_name(of):
                more = map(canonicalize_name, sorted(requirement.extras))
                waiting += [each for each in more if each not in seen and each not in waiting]
            elif text not in told and not _is_met(requirement, installed.get(name, "")):
                told.add(text)
                yield Unmet(requirement=requirement, found=installed.get(name, ""))


def installed_versions(site_packages: Path) -> dict[str, str]:
    """Return the version of each distribution, by its canonical name."""
    found: dict[str, str] = {}
    for folder in dist_infos(site_packages):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        found[canonicalize_name(name)] = version
    return found


def _of_all(
    step: InstallDependencies, stage: Stage, installed: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[Unmet]:
    wheels = {stage.wheel: step.extras, **dict.fromkeys(stage.local_wheels.values(), ())}
    for wheel, extras in wheels.items():
        name, version = wheel.name.split("-")[:2]
        path = stage.site_packages / f"{name}-{version}.dist-info" / "METADATA"
        if path.is_file():
            headers = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
            asked = [str(value) for value in headers.get_all("Requires-Dist", [])]
            yield from unmet(asked, installed, environment, of=name, extras=extras)
    if step.groups:
        table = pyproject_of(step.project)
        groups = table.get("dependency-groups", {})
        known = {canonicalize_name(name) for name in groups}
        chosen = [group for group in step.groups if canonicalize_name(group) in known]  # others are Poetry's own
        yield from unmet(resolve_dependency_groups(groups, *chosen), installed, environment)


def _is_met(requirement: Requirement, version: str) -> bool:
    if not version:
        return False
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def is_known(requirement: Requirement, lock: Lock) -> bool:
    """Tell whether a uv.lock was made for this very requirement, and holds something else because it was told to."""
    if lock.kind != "uv":
        return False
    packages: list[dict[str, Any]] = tomllib.loads(lock.path.read_text(encoding="utf-8")).get("package", [])
    for package in packages:
        metadata = package.get("metadata", {})
        lists = [metadata.get("requires-dist", []), *metadata.get("requires-dev", {}).values()]
        for known in (each for listed in lists for each in listed):
            is_same = canonicalize_name(known["name"]) == canonicalize_name(requirement.name)
            if is_same and Requirement(f"x{known.get('specifier', '')}").specifier == requirement.specifier:
                return True
    return False


def _problem(each: Unmet, lock: Lock) -> Problem:
    wanted = f"{each.requirement.name}{each.requirement.specifier}"
    if each.found:
        what = f"the project asks for {wanted}, and the lock has {each.requirement.name} {each.found}"
    else:
        what = f"the project asks for {wanted}, which the lock does not have"
    return Problem(where=lock.shown, what=what, hint=made_anew_by(lock))
