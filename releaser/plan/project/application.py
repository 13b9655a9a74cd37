"""Is the project an application without a package of its own, and which of its files are the app?

A `pyproject.toml` without `[build-system]` describes an application: uv, Poetry (`package-mode = false`) and PDM
(`distribution = false`) install what it depends on, and run its files where they lie. No build backend would make one
wheel of a Django project with two apps, or of an `app.py` beside its `templates/`: here, the folder is the app.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Any

from releaser.plan.project.reading import Unreadable, text_of

BESIDE_THE_APP = frozenset(
    {"tests", "test", "docs", "doc", "examples", "build", "dist", "htmlcov", "benchmarks", "rel", "_build"}
)
"""Folders at the top of a project that are not part of what runs."""
_NOWHERE = frozenset({"__pycache__", "node_modules"})
_NO_MODULES = frozenset({"setup.py", "conftest.py", "noxfile.py"})
_IMPORT_OF_SRC = re.compile(r"^\s*(?:from|import)\s+src\b", re.MULTILINE)
_OF_ALEMBIC = ("env.py", "script.py.mako")


def is_application(folder: Path, data: Mapping[str, Any]) -> bool:
    """Tell whether no build backend makes a wheel of the project in `folder`, whose pyproject.toml holds `data`."""
    tool = _table(data, "tool")
    of_uv = _table(tool, "uv").get("package")
    if _table(tool, "poetry").get("package-mode") is False or _table(tool, "pdm").get("distribution") is False:
        return True
    if "build-system" in data or of_uv is not None:
        return of_uv is False
    has_setup = (folder / "setup.py").exists() or _has_options(folder / "setup.cfg")
    return not (has_setup or "setuptools" in tool or _table(data, "project").get("dynamic"))


def sources_root(folder: Path) -> Path:
    """Return the folder that an application's modules are imported from: `src`, that of manage.py, or its own."""
    source = folder / "src"
    if source.is_dir() and not (source / "__init__.py").exists() and not _is_imported_as_src(folder):
        return source
    if (folder / "manage.py").exists():
        return folder
    nested = sorted(path.parent for path in folder.glob("*/manage.py") if path.parent.name not in BESIDE_THE_APP)
    return nested[0] if len(nested) == 1 else folder


def application_files(folder: Path, left_out: Collection[Path] = ()) -> dict[str, Path]:
    """Return the files of the app, by their place in site-packages: its modules, and every folder beside them.

    Left out are hidden files, what git ignores, `BESIDE_THE_APP`, virtual environments, alembic's scripts, projects of
    their own and the absolute paths in `left_out`. Files at the top that are no modules stay behind: they are about the
    project.
    """
    root = sources_root(folder)
    ignored = {*_ignored_by_git(folder), *left_out}
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        if path.is_dir():
            if path.name not in BESIDE_THE_APP and not all((path / name).exists() for name in _OF_ALEMBIC):
                found.update((str(file.relative_to(root)), file) for file in _files_below(path, ignored))
        elif path.suffix == ".py" and path.stem.isidentifier() and path.name not in _NO_MODULES and path not in ignored:
            found[path.name] = path
    return found


def _is_imported_as_src(folder: Path) -> bool:
    """Tell whether the modules import `src.something`: the project's own folder is where they are looked for then."""
    for path in (*folder.glob("*.py"), *folder.glob("src/**/*.py")):
        try:
            text = text_of(path)
        except Unreadable:
            continue
        if _IMPORT_OF_SRC.search(text):
            return True
    return False


def _files_below(folder: Path, ignored: Collection[Path]) -> Iterator[Path]:
    if folder in ignored or folder.name.startswith(".") or folder.name in _NOWHERE or (folder / "pyvenv.cfg").exists():
        return
    if folder.name.endswith(".egg-info") or (folder / "pyproject.toml").exists():
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files_below(path, ignored)
        elif path.is_file() and not path.name.startswith(".") and path.suffix != ".pyc" and path not in ignored:
            yield path


def _ignored_by_git(folder: Path) -> Iterator[Path]:
    """Yield what .gitignore leaves out, a folder in place of all that is in it; nothing without git."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
    try:
        answer = subprocess.run(
            ["git", "-C", folder, *words], capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return
    for name in answer.stdout.decode("utf-8", "surrogateescape").split("\0"):
        if name:
            yield folder / name.rstrip("/")


def _has_options(setup_cfg: Path) -> bool:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(text_of(setup_cfg))
    except (Unreadable, ConfigParserError):
        return False
    return parser.has_section("options") or parser.has_section("metadata")


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name, {})
    return found if isinstance(found, dict) else {}
