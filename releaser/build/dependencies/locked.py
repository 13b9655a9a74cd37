"""What is to be installed? The lock as a file that the installer reads, or what is resolved at this moment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from releaser.build.dependencies.pins import (
    Pins,
    pinned,
    read_pins,
    recorded,
    split_by_index,
    split_local_projects,
)
from releaser.build.project.wheel import wheel_of
from releaser.build.stage.programs import run_program
from releaser.build.stage.under_way import Stage
from releaser.build.tools import installers
from releaser.build.tools.cache import key_of
from releaser.errors import BuildError
from releaser.plan.facts import Lock, LockedPackage, Wanted
from releaser.plan.project.target_markers import marker_environment
from releaser.plan.steps import RESOLVED, InstallDependencies


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    """A lock as files that the installer reads."""

    path: Path
    base: Path
    """The folder that paths in it start from."""
    by_index: Mapping[str, str] = field(default_factory=dict)
    """Requirements of other indexes than the caller's, by `NAME=URL`."""
    is_hashed: bool = True
    addresses: tuple[str, ...] = ()
    """Of indexes, as they are written, whose users and passwords hold for the files that the lock names."""


def find_pins(step: InstallDependencies, stage: Stage) -> Pins:
    """Return what is to be installed, in files that the installer reads."""
    if step.lock is not None:
        return _pins(_locked(step, step.lock, stage), stage)
    if step.wanted is None:
        (stage.folder / RESOLVED).touch()
        return read_pins(stage.folder / RESOLVED, is_hashed=False)
    to = resolved(step.wanted, step, stage)
    pins = _pins(_Locked(path=to, base=step.project, is_hashed=False), stage)
    (stage.release / RESOLVED).write_text(recorded(pins.path.read_text(encoding="utf-8")), encoding="utf-8")
    return pins


def locked_pins(step: InstallDependencies, stage: Stage) -> Pins | None:
    """Return what the lock pins; None if it names projects of the same repository, which are to be built first."""
    assert step.lock is not None
    found = _locked(step, step.lock, stage)
    _, folders = split_local_projects(found.path, found.base, marker_environment(stage.plan.interpreter))
    return None if folders else _with_indexes(read_pins(found.path, is_hashed=found.is_hashed), found, stage)


def resolved(wanted: Wanted, step: InstallDependencies, stage: Stage) -> Path:
    """Return a file of what the project asks for at this moment, with hashes."""
    to = stage.folder / RESOLVED
    to.touch(mode=0o600)  # the installer puts the addresses of indexes into it
    files = [*wanted.files]
    if wanted.lines:
        files.append(stage.folder / "wanted.txt")
        files[-1].touch(mode=0o600)
        files[-1].write_text("".join(f"{line}\n" for line in wanted.lines), encoding="utf-8")
    chosen = (tuple(files), step.extras, step.groups)
    program = installers.resolve(stage.installer, step.project, stage.wheel, to, *chosen)
    run_program(stage, program, f"{wanted.asks} could not be resolved")
    if stage.installer.kind == "pip":
        to.write_text(pinned(to.read_text(encoding="utf-8"), stage.wheel.name.partition("-")[0]), encoding="utf-8")
    return to


def _locked(step: InstallDependencies, lock: Lock, stage: Stage) -> _Locked:
    base = lock.path.parent
    if lock.kind in ("requirements", "pylock"):
        return _Locked(path=lock.path, base=base, addresses=lock.options)
    to = stage.folder / "requirements.txt"
    to.touch(mode=0o600)  # the address of an index may hold a password
    if lock.kind != "uv":
        texts = [*lock.options, *_lines(lock.packages, "")]
        to.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        indexes = dict.fromkeys(package.index for package in lock.packages if package.index)
        by_index = {index: "".join(f"{text}\n" for text in _lines(lock.packages, index)) for index in indexes}
        return _Locked(path=to, base=base, by_index=by_index, is_hashed=all(each.has_hash for each in lock.packages))
    if stage.installer.kind != "uv":
        raise BuildError(f"{lock.shown} can only be read by uv, which has no binary for this machine")
    program = installers.export_lock(stage.installer, step.project, to, step.extras, step.groups)
    run_program(stage, program, f"{lock.shown} could not be read")
    rest, by_index = split_by_index(to.read_text(encoding="utf-8"), lock.indexes)
    to.write_text(rest, encoding="utf-8")
    return _Locked(path=to, base=base, by_index=by_index, is_hashed=all(each.has_hash for each in lock.packages))


def _lines(packages: Iterable[LockedPackage], index: str) -> list[str]:
    return [package.line for package in packages if package.index == index]


def _pins(found: _Locked, stage: Stage) -> Pins:
    """Return the pins without the projects of the same repository, of which wheels are built."""
    text, folders = split_local_projects(found.path, found.base, marker_environment(stage.plan.interpreter))
    path = found.path
    if folders:
        for folder in folders:
            if folder != stage.project.resolve():
                stage.local_wheels[folder] = wheel_of(folder, stage, folder.name)
        path = stage.folder / (
            "pylock.rest.toml" if path.suffix == ".toml" else "rest.txt"
        )  # uv tells them by the name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return _with_indexes(read_pins(path, is_hashed=found.is_hashed), found, stage)


def _with_indexes(pins: Pins, found: _Locked, stage: Stage) -> Pins:
    """Return the pins with those that come from an index of their own, each of these in a file of its own."""
    others: list[tuple[str, Path]] = []
    for count, (index, text) in enumerate(found.by_index.items()):
        path = stage.folder / f"index-{count}.txt"
        path.write_text(text, encoding="utf-8")
        others.append((os.path.expandvars(index), path))
    keys = [(index.partition("=")[0], text) for index, text in found.by_index.items()]
    key = key_of(pins.key, keys) if keys else pins.key
    addresses = tuple(map(os.path.expandvars, found.addresses))
    return replace(pins, key=key, others=tuple(others), addresses=addresses)
