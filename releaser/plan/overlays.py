"""What do the overlays put into the release, and where? Every file of theirs with its place, or what is wrong."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from releaser.config.profile import OverlaySpec, Profile
from releaser.errors import Problem
from releaser.plan.facts import Facts, OverlayFact
from releaser.plan.files.overlays import is_pattern
from releaser.plan.files.templates import BadTemplate, render
from releaser.plan.steps import Overlay

OURS = ("manifest.json", "env.sh", "python", "runtime", "hooks", "commands", "migrations", "scripts")
"""Names in a version's folder that releaser writes, besides `NAME.pyz`."""


def place_overlays(profile: Profile, facts: Facts, version: str) -> tuple[tuple[Overlay, ...], tuple[Problem, ...]]:
    """Return what goes where, and a problem for each thing that cannot."""
    placed: dict[str, Overlay] = {}
    problems: list[Problem] = []
    for spec, fact in zip(profile.overlays, facts.overlays, strict=True):
        if spec.kind == "chmod":
            problems += _change_mode(spec, placed)
            continue
        troubles = tuple(_troubles(spec, fact))
        if troubles:
            problems += troubles
            continue
        try:
            wanted = tuple(_wanted(profile, facts, spec, fact, version))
        except BadTemplate as bad:
            problems.append(bad.problem)
            continue
        for overlay in wanted:
            clash = _clash(overlay, placed, profile.name)
            if clash:
                problems.append(spec.origin.problem(clash))
                break
            placed[overlay.to] = overlay
    return tuple(placed.values()), tuple(problems)


def variables_of(profile: Profile, facts: Facts, version: str) -> Mapping[str, object]:
    """Return what templates can use: the standard variables, and the author's."""
    return {
        "release_name": profile.name,
        "release_version": version,
        "release_environment": profile.environment,
        "python_version": facts.interpreter.full_version if facts.interpreter else "",
        **profile.overlay_vars,
    }


def _troubles(spec: OverlaySpec, fact: OverlayFact) -> Iterator[Problem]:
    if fact.kind == "missing":
        yield spec.origin.problem(f"{'nothing matches' if is_pattern(spec.path) else 'there is no'} {spec.path}")
    if spec.kind == "template" and fact.kind == "folder":
        yield spec.origin.problem(f"expected a template, and {spec.path} is a folder")
    for trouble in fact.trouble:
        yield spec.origin.problem(f"{spec.path}: {trouble}" if spec.kind == "template" else trouble)


def _wanted(profile: Profile, facts: Facts, spec: OverlaySpec, fact: OverlayFact, version: str) -> Iterator[Overlay]:
    is_folder = spec.to.endswith("/") or posixpath.normpath(spec.to) == "."
    match spec.kind:
        case "mkdir":
            yield Overlay(kind="folder", to=posixpath.normpath(spec.path))
        case "link":
            to = _joined(spec.to, posixpath.basename(spec.path.rstrip("/"))) if is_folder else spec.to
            to = posixpath.normpath(to)
            inner = "" if spec.path.startswith("/") else posixpath.normpath(spec.path)
            target = posixpath.relpath(inner, posixpath.dirname(to) or ".") if inner else spec.path
            yield Overlay(kind="link", to=to, target=target)
        case "template":
            for file in fact.files:
                yield Overlay(
                    kind="text",
                    to=_joined(spec.to, file.inside if is_folder else ""),
                    text=render(fact.text, spec.path, variables_of(profile, facts, version)),
                    executable=_is_executable(spec.mode, file.executable),
                )
        case _:
            if fact.kind == "folder" and posixpath.normpath(spec.to) != ".":
                yield Overlay(kind="folder", to=posixpath.normpath(spec.to))
            for file in fact.files:
                yield Overlay(
                    kind="file",
                    to=_joined(spec.to, file.inside if is_folder or fact.kind != "file" else ""),
                    source=file.source,
                    executable=_is_executable(spec.mode, file.executable),
                    is_source_executable=file.executable,
                )


def _joined(folder: str, inside: str) -> str:
    return posixpath.normpath(posixpath.join(folder, inside))


def _is_executable(mode: str, found: bool) -> bool:
    return mode == "0755" if mode else found


def _clash(overlay: Overlay, placed: Mapping[str, Overlay], name: str) -> str:
    """Return why `overlay` cannot go where it wants to; empty text when it can."""
    first = overlay.to.split("/")[0]
    if first in (*OURS, f"{name}.pyz"):
        return f"'{overlay.to}' would take the place of a file that the release needs"
    before = placed.get(overlay.to)
    if before is not None and (before.kind != "folder" or overlay.kind != "folder"):
        return f"an overlay before this one makes '{overlay.to}' already"
    for parent in PurePosixPath(overlay.to).parents:
        above = placed.get(str(parent))
        if above is not None and above.kind != "folder":
            what = "a link" if above.kind == "link" else "a file"
            return f"'{overlay.to}' would lie below '{parent}', which is {what}"
    if overlay.kind != "folder" and any(to.startswith(f"{overlay.to}/") for to in placed):
        return f"'{overlay.to}' is a folder, by an overlay before this one"
    return ""


def _change_mode(spec: OverlaySpec, placed: dict[str, Overlay]) -> Iterator[Problem]:
    pattern = posixpath.normpath(spec.path)
    found = [to for to, each in placed.items() if each.kind in ("file", "text") and _fits(to, pattern)]
    for to in found:
        placed[to] = replace(placed[to], executable=spec.mode == "0755")
    if not found:
        yield spec.origin.problem(f"no overlay before this one makes a file '{spec.path}'")


def _fits(path: str, pattern: str) -> bool:
    """Tell whether `path` matches `pattern`, whose `*` stops at a `/`; `**` stands for any number of folders."""
    return _parts_fit(path.split("/"), pattern.split("/"))


def _parts_fit(parts: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(_parts_fit(parts[number:], patterns[1:]) for number in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], patterns[0]) and _parts_fit(parts[1:], patterns[1:])
