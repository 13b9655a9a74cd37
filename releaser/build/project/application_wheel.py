"""How is an application that no build backend packs described to installers? As a wheel of what its files say of it.

Formats: the packaging user guide's "Binary distribution format", "Core metadata" and "Entry points specification".
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from releaser.errors import BuildError
from releaser.plan.project.pyproject import project_data, project_table

_OLDEST = (1980, 1, 1, 0, 0, 0)


def write_application_wheel(project: Path, into: Path) -> Path:
    """Write the wheel of the application in the folder `project` into the folder `into`, and return it.

    It says what the application is called, depends on and has for console scripts; its files are no part of it.

    Raises:
        BuildError: what pyproject.toml says cannot stand in a wheel.
    """
    table = project_table(project, project_data(project))
    # A folder may be called as one of the packages that its app needs: the wheel must not take that one's place.
    called = table["name"] if table["source"] else f"{table['name']}-app"
    name = canonicalize_name(called).replace("-", "_")
    stem = f"{name}-{_version(table)}"
    info = f"{stem}.dist-info"
    files: dict[str, bytes] = {}
    files[f"{info}/METADATA"] = "".join(f"{line}\n" for line in _metadata(table, called)).encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: releaser\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = "".join(f"{line}\n" for line in _entry_points(table)).encode()
    files[f"{info}/RECORD"] = "".join(f"{_quoted(place)},,\n" for place in [*files, f"{info}/RECORD"]).encode()
    wheel = into / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for place, content in files.items():
            member = zipfile.ZipInfo(place, _OLDEST)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content)
    return wheel


def _version(table: Mapping[str, Any]) -> str:
    text = table["version"] or "0"
    try:
        return str(Version(text)).replace("-", "_")
    except InvalidVersion:
        raise BuildError(f"the project could not be built: '{text}' in pyproject.toml is no version") from None


def _metadata(table: Mapping[str, Any], name: str) -> Iterator[str]:
    yield "Metadata-Version: 2.1"
    yield f"Name: {name}"
    yield f"Version: {_version(table)}"
    if table.get("requires-python"):
        yield f"Requires-Python: {table['requires-python']}"
    yield from (f"Requires-Dist: {_requirement(text)}" for text in table.get("dependencies", ()))
    for extra, texts in table.get("optional-dependencies", {}).items():
        yield f"Provides-Extra: {extra}"
        for text in texts:
            requirement = _requirement(text)
            also = f"({requirement.marker}) and " if requirement.marker else ""
            requirement.marker = Requirement(f'x; {also}extra == "{extra}"').marker
            yield f"Requires-Dist: {requirement}"


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement:
        raise BuildError(f"the project could not be built: '{text}' in pyproject.toml is no requirement") from None


def _entry_points(table: Mapping[str, Any]) -> Iterator[str]:
    groups = {"console_scripts": table.get("scripts"), "gui_scripts": table.get("gui-scripts")}
    for group, entries in {**groups, **table.get("entry-points", {})}.items():
        if entries:
            yield f"[{group}]"
            yield from (f"{name} = {target}" for name, target in entries.items())


def _quoted(place: str) -> str:
    return '"{}"'.format(place.replace('"', '""')) if set(place) & set(',"\n') else place
