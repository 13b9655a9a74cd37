"""Which files do the overlays of a profile name? Found on the disk, with what must not be copied set aside."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from releaser.config.profile import OverlaySpec, Profile
from releaser.plan.facts import OverlayFact, OverlayFile
from releaser.plan.files.private import is_private
from releaser.plan.project.reading import Unreadable, text_of

_WILD = frozenset("*?[")
_NOBODYS = ("__pycache__", ".DS_Store", "Thumbs.db")


def look_at_overlays(profile: Profile) -> tuple[OverlayFact, ...]:
    """Return a fact for each overlay, in their order; those without a source have an empty one."""
    return tuple(_fact(profile, spec) for spec in profile.overlays)


def is_pattern(path: str) -> bool:
    """Tell whether a path is a pattern."""
    return not _WILD.isdisjoint(path)


def _fact(profile: Profile, spec: OverlaySpec) -> OverlayFact:
    if spec.kind == "template":
        return _template(profile.root / spec.path)
    if spec.kind != "copy":
        return OverlayFact(kind="none")
    found = _Found(profile)
    if is_pattern(spec.path):
        return found.matches(spec.path)
    path = profile.root / spec.path
    if path.is_dir():
        found.walk(path, PurePosixPath())
        return found.fact("folder")
    if not path.exists():
        return OverlayFact(kind="missing")
    found.add(path, PurePosixPath(path.name))
    return found.fact("file")


def _template(path: Path) -> OverlayFact:
    if not path.is_file():
        return OverlayFact(kind="folder" if path.is_dir() else "missing")
    if is_private(path):
        return OverlayFact(kind="file", private=(path.name,))
    try:
        text = text_of(path)
    except Unreadable as error:
        return OverlayFact(kind="file", trouble=(str(error),))
    file = OverlayFile(source=path, inside=path.name.removesuffix(".j2"), executable=os.access(path, os.X_OK))
    return OverlayFact(kind="file", files=(file,), text=text)


class _Found:
    """What was found for one overlay so far."""

    def __init__(self, profile: Profile) -> None:
        self._root = profile.root.resolve()
        self._output = (profile.root / profile.output_dir).resolve()
        self._files: dict[str, OverlayFile] = {}
        self._private: list[str] = []
        self._trouble: list[str] = []

    def fact(self, kind: str) -> OverlayFact:
        files = tuple(self._files[name] for name in sorted(self._files, key=os.fsencode))
        return OverlayFact(kind=kind, files=files, private=tuple(self._private), trouble=tuple(self._trouble))

    def matches(self, pattern: str) -> OverlayFact:
        """Look for a pattern; what is found keeps its path below the first part without a wildcard."""
        parts = PurePosixPath(pattern).parts
        fixed = next(number for number, part in enumerate(parts) if is_pattern(part))
        base = self._root.joinpath(*parts[:fixed])
        # Not Path.glob, for which a last `**` means other things from version to version of Python.
        names = glob.glob("/".join(parts[fixed:]), root_dir=base, recursive=True)  # noqa: PTH207
        for name in sorted(names):
            path = base / name
            if path.is_dir() and not path.is_symlink():
                self.walk(path, PurePosixPath(name))
            else:
                self.add(path, PurePosixPath(name))
        return self.fact("pattern" if self._files or self._private or self._trouble else "missing")

    def walk(self, folder: Path, inside: PurePosixPath) -> None:
        if folder.resolve() == self._output or folder.name in _NOBODYS:
            return
        if inside.name and is_private(folder):
            self._set_aside(folder)
            return
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            self._trouble.append(f"{self._shown(folder)} cannot be read: {(error.strerror or str(error)).lower()}")
            return
        for path in entries:
            if path.is_dir() and not path.is_symlink():
                self.walk(path, inside / path.name)
            else:
                self.add(path, inside / path.name)

    def add(self, path: Path, inside: PurePosixPath) -> None:
        if path.name in _NOBODYS or path.suffix == ".pyc" or path.name.endswith("~"):
            return
        if is_private(path):
            self._set_aside(path)
        elif not _is_text(path.name):
            self._trouble.append(f"{self._shown(path)} has a name that is not UTF-8, and the manifest lists all files")
        elif not path.exists():
            self._trouble.append(f"{self._shown(path)} is a link that leads nowhere")
        elif path.is_symlink() and not path.resolve().is_relative_to(self._root):
            self._trouble.append(f"{self._shown(path)} is a link that leads out of the project")
        elif not path.is_file():
            what = "a link to a folder" if path.is_dir() else "no regular file"
            self._trouble.append(f"{self._shown(path)} is {what}")
        elif not os.access(path, os.R_OK):
            self._trouble.append(f"{self._shown(path)} cannot be read")
        else:
            executable = os.access(path, os.X_OK)
            self._files[str(inside)] = OverlayFile(source=path, inside=str(inside), executable=executable)

    def _set_aside(self, path: Path) -> None:
        if self._shown(path) not in self._private:
            self._private.append(self._shown(path))

    def _shown(self, path: Path) -> str:
        return os.fsencode(os.path.relpath(path, self._root)).decode("utf-8", "backslashreplace")


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def private_of(facts: tuple[OverlayFact, ...]) -> Iterator[str]:
    """Yield what was set aside for all overlays, each path once."""
    yield from dict.fromkeys(name for fact in facts for name in fact.private)
