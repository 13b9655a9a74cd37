"""From which folder is the project's wheel built? Its own, unless setuptools would take `rel/` for a package there.

In a project without `src/` and without a list of packages, setuptools takes every folder whose name could be that of a
package: with `rel/` beside it, a single module is no longer found, and a package is refused for not being the only one.
Such a project is built from a folder of links to all that is in it but what belongs to releaser.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Any

from releaser.plan.project.formats.setup_py import names_its_packages

_OF_SETUP_CFG = ("packages", "py_modules", "package_dir")
_MADE_BY_BUILDS = ("build", "dist")


def folder_to_build(project: Path, beside: Path, left_out: tuple[Path, ...]) -> Path:
    """Return `project`, or `beside` filled with links to what is in it, without `left_out`, which are absolute."""
    entries = [path for path in sorted(project.iterdir()) if path not in left_out]
    if is_setup_cfg_alone(project):
        return _linked(entries, beside, with_setup_py=True)
    if not finds_packages_by_itself(project) or len(entries) == len(list(project.iterdir())):
        return project
    return _linked(entries, beside)


def is_setup_cfg_alone(project: Path) -> bool:
    """Tell whether setup.cfg is all that describes the project, which no frontend builds without a setup.py."""
    return (project / "setup.cfg").is_file() and not any(
        (project / name).is_file() for name in ("pyproject.toml", "setup.py")
    )


def _linked(entries: list[Path], beside: Path, *, with_setup_py: bool = False) -> Path:
    beside.mkdir(parents=True)
    if with_setup_py:
        (beside / "setup.py").write_text("import setuptools\n\nsetuptools.setup()\n", encoding="utf-8")
    for path in entries:
        if path.name not in _MADE_BY_BUILDS and not path.name.endswith(".egg-info"):
            (beside / path.name).symlink_to(path)
    return beside


def finds_packages_by_itself(project: Path) -> bool:
    """Tell whether setuptools builds the project and looks for its packages in the project's own folder."""
    data = pyproject_of(project)
    if not data:
        return not (project / "src").is_dir() and not names_its_packages(project) and not _has_packages(project)
    backend = _table(data.get("build-system")).get("build-backend", "setuptools.build_meta")
    if not str(backend).startswith("setuptools") or (project / "src").is_dir():
        return False
    settings = _table(_table(data.get("tool")).get("setuptools"))
    return not any(name in settings for name in ("packages", "py-modules", "package-dir"))


def pyproject_of(project: Path) -> Mapping[str, Any]:
    """Return what the project's pyproject.toml says; nothing for a project without one."""
    path = project / "pyproject.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _has_packages(project: Path) -> bool:
    """Tell whether setup.cfg says what is to be packed."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(project / "setup.cfg", encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError):
        return False
    return parser.has_section("options") and any(parser.has_option("options", name) for name in _OF_SETUP_CFG)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
