"""Which files lie in a package's folder of the project and not in its wheel? Templates that no setting names.

The app finds them in dev_mode and in a checkout, and not in a release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from releaser.build.project.flat_layout import pyproject_of
from releaser.plan.project.tree import tree_names

_MOST_SHOWN = 3
_OF_A_COMPILER = frozenset({".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".pyx", ".pxd", ".pxi", ".rs", ".f", ".f90"})
_OF_NO_USE = frozenset({".pyi", ".md", ".rst", ".orig", ".bak", ".po", ".pot"})
"""Endings of what a running app hardly reads; `.po` is compiled to `.mo`."""


def missing_files(project: Path, files: tuple[str, ...], output: Path) -> Iterator[str]:
    """Yield a sentence for each package of a wheel, by its `files`, that has less than its folder in `project`."""
    known = frozenset(files)
    packages = sorted({name.partition("/")[0] for name in files if name.endswith("/__init__.py")})
    if not packages:
        return
    listed = sorted(tree_names(project, output))
    for package in packages:
        before = next((base for base in ("src/", "") if f"{base}{package}/__init__.py" in listed), None)
        if before is None:
            continue
        inside = [name.removeprefix(before) for name in listed if name.startswith(f"{before}{package}/")]
        missing = [name for name in inside if name not in known and _is_read(Path(name))]
        if missing:
            yield _sentence(package, missing, pyproject_of(project))


def _is_read(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix in _OF_A_COMPILER | _OF_NO_USE:
        return False
    return not {"tests", "test"} & set(path.parts)


def _sentence(package: str, missing: list[str], data: Mapping[str, Any]) -> str:
    count = "1 file" if len(missing) == 1 else f"{len(missing)} files"
    more = f" and {len(missing) - _MOST_SHOWN} more" if len(missing) > _MOST_SHOWN else ""
    what = f"{count} of the package {package} {'is' if len(missing) == 1 else 'are'} not in the project's wheel"
    return f"{what}: {', '.join(missing[:_MOST_SHOWN])}{more}; {_setting(package, missing, data)}"


def _setting(package: str, missing: list[str], data: Mapping[str, Any]) -> str:
    """Return the setting of the project's backend that adds them."""
    backend = str(data.get("build-system", {}).get("build-backend", "setuptools.build_meta"))
    endings = sorted({f"**/*{Path(name).suffix}" if Path(name).suffix else f"**/{Path(name).name}" for name in missing})
    listed = ", ".join(f'"{ending}"' for ending in endings)
    if backend.startswith("setuptools"):
        return f"[tool.setuptools.package-data] {package} = [{listed}] adds them"
    if backend.startswith("poetry"):
        return f'[tool.poetry] include = ["{package}/**/*"] adds them'
    if backend.startswith("hatchling"):
        return f'[tool.hatch.build] artifacts = ["{package}/**"] adds what git ignores, and `exclude` leaves out'
    if backend.startswith("pdm"):
        return f'[tool.pdm.build] includes = ["{package}/**/*"] adds them'
    return "its build backend leaves them out; include_tree = true takes the project's folder along"
