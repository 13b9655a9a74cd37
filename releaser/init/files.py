"""Which files change, and how? What is wanted against what is there; a change is a value until it is written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from releaser.config.document import Unusable, read_text
from releaser.config.read import located, problems_in
from releaser.errors import ConfigError, Problem, ProjectError, ReleaserError, reason_of
from releaser.init.additions import added_to, developed_in, releases_of
from releaser.init.choices import Choices
from releaser.init.texts import config_text, hooks
from releaser.plan.project.reading import Unreadable, text_of

CONFIG = "rel/config.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file and what becomes of it."""

    path: str
    """Relative to the project."""
    before: str | None
    """None: there is no such file."""
    after: str
    is_executable: bool = False

    @property
    def is_none(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What `releaser init` would do."""

    changes: tuple[Change, ...]
    kept: tuple[str, ...]
    """Files that are there, differ, and are left alone without `--force`."""
    release: str
    """The default release of the configuration as it is then."""
    environment: str
    """Its environment for development."""
    problems: tuple[Problem, ...] = ()
    """What the configuration cannot be used for as it is then; what was there is the author's, and stays."""


def changes_for(folder: Path, choices: Choices, *, is_forced: bool) -> Changes:
    """Return what has to be written in `folder`.

    A configuration that is there only grows, and nothing else that is there changes, unless `force`.

    Raises:
        ConfigError: the configuration that is there cannot be read.
        ProjectError: it is not TOML, or nothing can be added to it.
    """
    before = _config(folder)
    if before is None or is_forced:
        config, used_hooks = config_text(choices), hooks(choices)
    else:
        addition = added_to(before, choices)
        config = addition.text
        used_hooks = hooks(choices) if addition.has_release else {}
    wanted = [Change(path=CONFIG, before=before, after=config)]
    kept: list[str] = []
    for path, text in used_hooks.items():
        change = Change(path=path, before=_text(folder / path), after=text, is_executable=True)
        if change.before is None or is_forced or change.is_none:
            wanted.append(change)
        else:
            kept.append(path)
    return Changes(
        changes=tuple(change for change in wanted if not change.is_none),
        kept=tuple(kept),
        release=next(iter(releases_of(config)), choices.name),
        environment=developed_in(config),
        problems=problems_in(config, folder / CONFIG),
    )


def has_release(folder: Path) -> bool:
    """Tell whether there is a configuration in `folder` that says what runs."""
    return bool(releases_of(_config(folder) or ""))


def write(folder: Path, changes: Sequence[Change]) -> None:
    """Write every change, each file by one rename.

    Raises:
        ReleaserError: one cannot be written; those before it are.
    """
    for count, change in enumerate(changes):
        try:
            _write(folder / change.path, change)
        except OSError as error:
            written = [each.path for each in changes[:count]]
            raise ReleaserError(
                f"cannot write {change.path}: {reason_of(error)}",
                now=f"{', '.join(written)} is written" if written else "nothing was written",
            ) from error


def _write(path: Path, change: Change) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.new")
    try:
        staged.write_bytes(change.after.encode("utf-8"))
        staged.chmod(0o755 if change.is_executable else 0o644)
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def diff_of(change: Change) -> Iterator[str]:
    """Yield the lines of a unified diff of a file that is there already."""
    before = (change.before or "").splitlines()
    yield from difflib.unified_diff(before, change.after.splitlines(), change.path, change.path, lineterm="")


def _config(folder: Path) -> str | None:
    """Return the configuration that is there, or None, and refuse what `releaser plan` refuses, in its words."""
    path, file = located(folder / CONFIG)
    try:
        path.stat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # told below
    try:
        return read_text(path, file)
    except Unusable as unusable:
        message = f"cannot use {file}"
        raise ConfigError(message, problems=(unusable.problem,), now="nothing was written") from None


def _text(path: Path) -> str | None:
    try:
        return text_of(path)
    except Unreadable as error:
        if not os.path.lexists(path):
            return None
        raise ProjectError(f"cannot use {path}: {error}", now="nothing was written") from error
