"""How does a project without a lock get one? What it asks for is resolved once, into a pylock.toml with hashes.

The format is PEP 751's. A table `[tool.releaser]` of it says what it was made from, so that a build can tell when that
has changed, and which extras and groups are in it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tomlkit

from releaser.build.tools import installers
from releaser.build.tools.commands import ProgramFailed, runner
from releaser.build.tools.installers import Installer
from releaser.build.tools.report import Report
from releaser.errors import BuildError, ReleaserError, reason_of
from releaser.plan.facts import Wanted
from releaser.plan.project.formats.inline_script import inline_metadata
from releaser.plan.project.formats.requirement_files import files_of
from releaser.plan.project.locks.stale import digests_of

_SHOWN = 15
_HEAD = "# Made by `releaser lock`; `releaser lock --upgrade` looks for newer versions.\n\n"
_WANTED = "wanted.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which lock is to be made."""

    project: Path
    """The project's folder, absolute."""
    wanted: Wanted
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    to: Path
    upgrade: bool
    """Whether versions that the lock has already may be replaced by newer ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of it."""

    packages: int
    is_changed: bool


def make_lock(order: Order, installer: Installer, report: Report) -> Made:
    """Write the lock, by one rename once it is whole.

    Raises:
        BuildError: what is asked for cannot be resolved, or only uv could, which has no binary for this machine.
    """
    if installer.kind != "uv":
        raise BuildError("only uv writes a pylock.toml, and it has no binary for this machine", now=_untouched(order))
    before = order.to.read_text(encoding="utf-8") if order.to.is_file() else None
    with tempfile.TemporaryDirectory() as scratch:
        to = Path(scratch, "pylock.toml")
        if before is not None and not order.upgrade:
            shutil.copyfile(order.to, to)  # uv keeps the versions in it
        files = [*order.wanted.files]
        if order.wanted.lines:
            files.append(Path(scratch, _WANTED))
            files[-1].write_text("".join(f"{line}\n" for line in order.wanted.lines), encoding="utf-8")
        program = installers.resolve(
            installer, order.project, Path(), to, tuple(files), order.extras, order.groups, is_universal=True
        )
        try:
            runner(report)(program)
        except ProgramFailed as error:
            what = f"{order.wanted.asks} could not be resolved: {error}"
            raise BuildError(what, output=error.lines[-_SHOWN:], now=_untouched(order)) from error
        text = _finished(_with_places(to.read_text(encoding="utf-8"), to.parent, order.to.parent), order)
    if text != before:
        _write(order, text)
    return Made(packages=len(re.findall(r"^\[\[packages\]\]", text, re.MULTILINE)), is_changed=text != before)


def _with_places(text: str, written_in: Path, folder: Path) -> str:
    """Return a lock that uv wrote in one folder as it reads in another, where a committed file names no machine's path.

    Projects and files of the same repository, and those of `find_links`, are named by where they lie from the lock.
    """
    document = tomlkit.parse(text)
    packages: Any = document.get("packages", [])
    for package in packages:
        sources = [package[name] for name in ("directory", "archive", "sdist", "vcs") if name in package]
        for source in (*sources, *package.get("wheels", ())):
            url = str(source.get("url", ""))
            if url.startswith("file://"):
                del source["url"]
                source["path"] = os.path.relpath(unquote(urlsplit(url).path), folder.resolve())
            elif "path" in source:
                source["path"] = os.path.relpath((written_in / str(source["path"])).resolve(), folder.resolve())
    return tomlkit.dumps(document)


def _finished(text: str, order: Order) -> str:
    """Return uv's lock with what it was made from."""
    made_with = tomlkit.table()
    made_with["extras"] = list(order.extras)
    made_with["groups"] = list(order.groups)
    inputs = tomlkit.table()
    for name, digest in digests_of(_read(order), order.project).items():
        inputs[name] = digest
    made_with["inputs"] = inputs
    end = tomlkit.dumps({"tool": {"releaser": made_with}})
    body = re.sub(r"\A(?:#[^\n]*\n|\s)*", "", text)
    body = body.replace('created-by = "uv"', 'created-by = "releaser"', 1)
    return f"{_HEAD}{body.rstrip()}\n\n{end}"


def _read(order: Order) -> list[Path]:
    """Return the files that say what is asked for, those that requirements files include among them."""
    found = [each for path in order.wanted.files for each in (path, *_included(path))]
    if order.wanted.lines:
        described = [order.project / "pyproject.toml", order.project / "Pipfile"]
        scripts = [path for path in sorted(order.project.glob("*.py")) if inline_metadata(path)]
        found += [path for path in (*described, *scripts) if path.is_file()]
    return list(dict.fromkeys(found))


def _included(path: Path) -> list[Path]:
    return files_of(path) if path.suffix in (".txt", ".in") else []


def _write(order: Order, text: str) -> None:
    staged = order.to.with_name(f".{order.to.name}.new")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(order.to)
    except OSError as error:
        staged.unlink(missing_ok=True)
        message = f"cannot write {os.path.relpath(order.to)}: {reason_of(error)}"
        raise ReleaserError(message, now=_untouched(order)) from error


def _untouched(order: Order) -> str:
    return f"{os.path.relpath(order.to)} is as it was" if order.to.exists() else "nothing was written"
