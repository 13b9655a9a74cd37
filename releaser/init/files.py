"""Which files change, and how? What is wanted against what is there; a change is a value until it is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from releaser.errors import ReleaserError, reason_of
from releaser.init.additions import added_to, developed_in, releases_of
from releaser.init.choices import Choices
from releaser.init.texts import config_text, hooks

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


def changes_for(folder: Path, choices: Choices, *, force: bool) -> Changes:
    """Return what has to be written in `folder`.

    A configuration that is there only grows, and nothing else that is there changes, unless `force`.

    Raises:
        ProjectError: the configuration that is there is not TOML, or nothing can be added to it.
    """
    before = _text(folder / CONFIG)
    if before is None or force:
        config, used_hooks = config_text(choices), hooks(choices)
    else:
        addition = added_to(before, choices)
        config = addition.text
        used_hooks = hooks(choices) if addition.has_release else {}
    wanted = [Change(path=CONFIG, before=before, after=config)]
    kept: list[str] = []
    for path, text in used_hooks.items():
        change = Change(path=path, before=_text(folder / path), after=text, is_executable=True)
        if change.before is None or force or change.is_none:
            wanted.append(change)
        else:
            kept.append(path)
    return Changes(
        changes=tuple(change for change in wanted if not change.is_none),
        kept=tuple(kept),
        release=next(iter(releases_of(config)), choices.name),
        environment=developed_in(config),
    )


def has_release(folder: Path) -> bool:
    """Tell whether there is a configuration in `folder` that says what runs."""
    return bool(releases_of(_text(folder / CONFIG) or ""))


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


def _text(path: Path) -> str | None:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ReleaserError(f"cannot read {path}: it is not a regular file", now="nothing was written")
        return path.read_bytes().decode("utf-8")  # as it is, so that no line ending of it changes
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ReleaserError(f"cannot read {path}: {reason}", now="nothing was written") from error
