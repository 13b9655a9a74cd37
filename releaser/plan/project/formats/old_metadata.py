"""What is a project called where pyproject.toml has no `[project]` table, as before PEP 621?

Poetry 1 kept name, version and dependencies in `[tool.poetry]`, setuptools in setup.cfg; both go on to build those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from typing import Any

from releaser.plan.project.formats.poetry import versions_of
from releaser.plan.project.reading import Unreadable, text_of


def poetry_table(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `[tool.poetry]` says, in the words of `[project]`; None if it names no project.

    Versions of dependencies, which Poetry writes in a way of its own, are left out.
    """
    poetry = data.get("tool", {}).get("poetry", {})
    if not isinstance(poetry, dict) or not isinstance(poetry.get("name"), str):
        return None
    return {
        "name": poetry["name"],
        "version": str(poetry.get("version", "")),
        "dependencies": list(poetry_dependencies(data)),
        "requires-python": _python_of(poetry.get("dependencies", {})),
        "scripts": {name: target for name, target in poetry.get("scripts", {}).items() if isinstance(target, str)},
    }


def _python_of(table: Any) -> str:
    """Return the range that Poetry has among the dependencies, as `[project]` has it."""
    named = {name.lower(): wanted for name, wanted in table.items()} if isinstance(table, dict) else {}
    return versions_of(str(named.get("python", "")))


def poetry_dependencies(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names in `[tool.poetry.dependencies]` with their extras, without Python and what is optional."""
    for name, wanted in data.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
        table = wanted if isinstance(wanted, dict) else {}
        if name.lower() != "python" and not table.get("optional"):
            extras = ",".join(map(str, table.get("extras", ())))
            yield f"{name}[{extras}]" if extras else name


def setup_cfg_table(folder: Path) -> dict[str, Any] | None:
    """Return what setup.cfg says, in the words of `[project]`; None if it names no project."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(text_of(folder / "setup.cfg"))
    except (Unreadable, ConfigParserError):
        return None
    name = parser.get("metadata", "name", fallback="")
    if not name:
        return None
    version = parser.get("metadata", "version", fallback="")
    scripts = _lines(parser.get("options.entry_points", "console_scripts", fallback=""))
    extras = parser.items("options.extras_require") if parser.has_section("options.extras_require") else ()
    return {
        "name": name,
        "version": "" if re.match(r"(attr|file):", version) else version,
        "requires-python": parser.get("options", "python_requires", fallback=""),
        "dependencies": list(_lines(parser.get("options", "install_requires", fallback=""))),
        "optional-dependencies": {name: list(_lines(listed)) for name, listed in extras},
        "scripts": {
            key.strip(): target.strip() for key, equals, target in (s.partition("=") for s in scripts) if equals
        },
    }


def _lines(text: str) -> Iterator[str]:
    yield from (line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
