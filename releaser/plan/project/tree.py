"""Which files of a project's folder are its tree, what goes into a release as it stands?

What git tracks or does not ignore, as `COPY . .` with a .dockerignore like .gitignore would bring it. Without git the
same patterns are read here (gitignore(5)). What is made anew everywhere has a name that says so, and is never a part.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from releaser.plan.files.private import is_below_private_folder, is_private

MADE_ANEW = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
        *(".hypothesis", ".tox", ".nox", ".eggs", ".idea", ".vscode", "_build"),
    }
)
"""Folders that are no part of a project wherever they lie."""
_MADE_AT_THE_TOP = frozenset({"build", "dist", "htmlcov"})
"""The same, unless git tracks something in them."""
_FILES_OF_NOBODY = frozenset({".DS_Store", ".coverage", "Thumbs.db"})
_DATABASE = b"SQLite format 3\0"
_NO_DATABASES = frozenset(
    {
        *(".py", ".pyi", ".html", ".htm", ".css", ".scss", ".js", ".ts", ".map", ".json", ".toml", ".yml", ".yaml"),
        *(
            ".md",
            ".rst",
            ".txt",
            ".csv",
            ".svg",
            ".png",
            ".jpg",
            ".gif",
            ".ico",
            ".woff",
            ".woff2",
            ".po",
            ".mo",
            ".sh",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a project's folder that go into a release, and those that do not for a reason worth telling."""

    files: dict[str, Path]
    """By their path below the folder, sorted."""
    named: frozenset[str] = frozenset()
    """Those that a pattern of `named` matches."""
    private: tuple[str, ...] = ()
    """Left out: they look like secrets."""
    databases: tuple[str, ...] = ()
    """SQLite databases among `files`."""
    own_databases: tuple[str, ...] = ()
    """Left out: databases that git does not track, so that they are this machine's."""
    unusable: tuple[str, ...] = ()
    """Left out: neither files nor folders, or links that lead nowhere."""
    unmatched: tuple[int, ...] = ()
    """Of the patterns in `named`, those that match nothing, by their place."""


def read_tree(
    folder: Path, *, output: Path, is_whole: bool, named: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Tree:
    """Return the tree of the project in `folder`; `output`, where builds go, is never a part.

    With `is_whole` it is everything that git does not ignore. `named` are patterns of what goes in besides, ignored or
    not, and `exclude` of what stays out, both as .gitignore has them.
    """
    tracked = frozenset(_git(folder, "--cached"))
    listed = set(_not_ignored(folder, tracked, output)) if is_whole else set()
    patterns = [GitIgnoreSpec.from_lines([line]) for line in named]
    found = [set(spec.match_files(_everything(folder, output))) for spec in patterns] if named else []
    listed.update(*found)
    out = GitIgnoreSpec.from_lines(exclude)
    chosen = _Chosen(folder, tracked, frozenset().union(*found))
    for name in sorted(listed, key=os.fsencode):
        if not out.match_file(name):
            chosen.take(name)
    return Tree(
        files=chosen.files,
        named=frozenset().union(*found),
        private=tuple(chosen.private),
        databases=tuple(chosen.databases),
        own_databases=tuple(chosen.own_databases),
        unusable=tuple(chosen.unusable),
        unmatched=tuple(index for index, names in enumerate(found) if not names),
    )


def tree_names(folder: Path, output: Path) -> frozenset[str]:
    """Return the paths of the files that git does not ignore, without a look at what they hold."""
    return frozenset(_not_ignored(folder, frozenset(_git(folder, "--cached")), output))


def is_made_anew(path: Path) -> bool:
    """Tell whether a file or folder is one that is made anew everywhere, by its name or what it holds."""
    if path.is_dir():
        return path.name in MADE_ANEW or path.name.endswith(".egg-info") or (path / "pyvenv.cfg").is_file()
    return path.suffix == ".pyc" or path.name in _FILES_OF_NOBODY


def is_database(path: Path) -> bool:
    """Tell whether a file is an SQLite database, by its first bytes; not of each file of a large project."""
    if path.suffix in _NO_DATABASES:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except OSError:
        return False


class _Chosen:
    """Files, sorted out one by one."""

    def __init__(self, folder: Path, tracked: Collection[str], named: Collection[str]) -> None:
        self._folder, self._tracked, self._named = folder, tracked, named
        self.files: dict[str, Path] = {}
        self.private: list[str] = []
        self.databases: list[str] = []
        self.own_databases: list[str] = []
        self.unusable: list[str] = []

    def take(self, name: str) -> None:
        path = self._folder / name
        if is_private(path) or is_below_private_folder(Path(name)):
            self.private.append(name)
        elif not path.is_file():
            self.unusable.append(name)
        elif not is_database(path):
            self.files[name] = path
        elif name in self._tracked or name in self._named:
            self.files[name] = path
            self.databases.append(name)
        else:
            self.own_databases.append(name)


def _not_ignored(folder: Path, tracked: Collection[str], output: Path) -> Iterator[str]:
    names = list(_git(folder, "--cached", "--others", "--exclude-standard"))
    if not names:  # no repository, no git, or the whole folder is ignored by one further up
        yield from _everything(folder, output, obeys=True)
        return
    tops = {name.partition("/")[0] for name in tracked}
    for name in names:
        path = folder / name
        if not _is_passed_by(folder, path, output, tops):
            # A folder is a repository of its own, a submodule or a nested one.
            is_folder = path.is_dir()
            inner = _everything(folder, output, below=path, obeys=True) if is_folder else iter([name])
            yield from inner if is_folder or os.path.lexists(path) else ()


def _is_passed_by(folder: Path, path: Path, output: Path, tops: Collection[str] = ()) -> bool:
    """Tell whether `path`, or a folder that it lies in, is no part of a project by its name."""
    inner = path.relative_to(folder)
    for each in (path, *path.parents):
        if each == folder:
            break
        if each == output or is_made_anew(each):
            return True
    first = inner.parts[0]
    if first == "rel" and (folder / "rel" / "config.toml").is_file():
        return True
    return first in _MADE_AT_THE_TOP and first not in tops and (folder / first).is_dir()


def _everything(folder: Path, output: Path, *, below: Path | None = None, obeys: bool = False) -> Iterator[str]:
    """Yield the path of each file below `folder`, links to folders followed once; `obeys` what .gitignore files say."""
    seen: set[str] = set()
    waiting: list[tuple[Path, list[tuple[Path, GitIgnoreSpec]]]] = [(below or folder, [])]
    while waiting:
        parent, specs = waiting.pop()
        if os.path.realpath(parent) in seen:
            continue
        seen.add(os.path.realpath(parent))
        specs = [*specs, *_ignores_in(parent)] if obeys else specs
        try:
            entries = sorted(parent.iterdir())
        except OSError:
            continue
        for path in entries:
            is_folder = path.is_dir()
            if _is_passed_by(folder, path, output) or _is_ignored(path, specs, is_folder=is_folder):
                continue
            if is_folder:
                waiting.append((path, specs))
            else:
                yield path.relative_to(folder).as_posix()


def _ignores_in(folder: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    try:
        lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    yield folder, GitIgnoreSpec.from_lines(lines)


def _is_ignored(path: Path, specs: Iterable[tuple[Path, GitIgnoreSpec]], *, is_folder: bool) -> bool:
    for base, spec in reversed(list(specs)):
        said = spec.check_file(path.relative_to(base).as_posix() + ("/" if is_folder else "")).include
        if said is not None:
            return said
    return False


def _git(folder: Path, *words: str) -> Iterator[str]:
    """Yield what `git ls-files` says; nothing without git or a repository."""
    try:
        answer = subprocess.run(
            ["git", "-C", folder, "ls-files", "-z", *words], capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return
    yield from (name.rstrip("/") for name in answer.stdout.decode("utf-8", "surrogateescape").split("\0") if name)
