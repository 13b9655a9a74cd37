"""What is in a project, as far as its first configuration depends on it? Reads files; runs and imports nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.errors import ProjectError
from releaser.init.deployment import Dockerfile, read_dockerfile, read_procfile
from releaser.init.sources import Sources, read_sources
from releaser.plan.facts import Lock
from releaser.plan.project.locks import LockUnusable, find_lock
from releaser.plan.project.pyproject import UnusableProject, project_table, read_project, read_pyproject
from releaser.plan.project.reading import Unreadable, text_of

GUNICORN_CONF = "gunicorn.conf.py"
_BROUGHT = {("fastapi", "standard"): "uvicorn", ("fastapi", "all"): "uvicorn"}
"""Servers that extras bring along."""
_LOCKED = re.compile(
    r'^(?:name = "([A-Za-z0-9._-]+)"|([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*[=;@\\])', re.MULTILINE
)
"""The name of a package in a lock of any kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found."""

    name: str
    """The project's, as pyproject.toml has it."""
    has_version: bool = True
    """Whether the project's version stands in a file that is read."""
    has_git: bool = False
    """Whether it is at the top of a git repository."""
    scripts: Mapping[str, str]
    """Console scripts: name to `module:function`."""
    dependencies: frozenset[str]
    """Normalized names of what the project asks for, those of extras left out."""
    locked: frozenset[str] = frozenset()
    """Normalized names of everything in the lock."""
    procfile: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words of each of its processes; none of one that needs a shell."""
    dockerfile: Dockerfile = field(default_factory=Dockerfile)
    named_files: frozenset[str] = frozenset()
    """Words of those commands that are files of the project; gunicorn's settings, which it finds by itself."""
    django_settings: str = ""
    """The module that manage.py names."""
    sources: Sources = field(default_factory=Sources)
    lock: str = ""
    """Its file's name; empty without one."""
    has_hashes: bool = True
    """Whether the lock is one: a list of requirements without hashes pins nothing for certain."""
    are_builds_tracked: bool = False
    """Whether git would take what is built for sources: a repository whose .gitignore does not name `_build`."""
    script_location: str = ""
    """alembic's, as `script_location` of rel/config.toml has it; empty without alembic."""
    alembic_file: str = ""
    has_alembic: bool = False
    """Whether alembic is a dependency, by pyproject.toml or by the lock."""
    has_placeholder_url: bool = False
    """Whether alembic.ini still has the URL that `alembic init` writes, which leads nowhere."""

    def has(self, package: str) -> bool:
        """Tell whether the bundle will hold a package."""
        return package in self.dependencies or package in self.locked


def find(folder: Path) -> Findings:
    """Return what is found in `folder`.

    Raises:
        ProjectError: it has no pyproject.toml, or nothing there names a project.
    """
    data, table = _project(folder)
    script_location, alembic_file = _alembic(folder, data)
    dependencies = frozenset(_dependencies(table.get("dependencies")))
    lock = _lock(folder)
    locked = frozenset(_locked(_text(lock.path))) if lock else frozenset()
    dockerfile = read_dockerfile(folder)
    procfile = read_procfile(_text(folder / "Procfile"))
    words = {word for command in (*procfile.values(), dockerfile.entrypoint, dockerfile.cmd) for word in command}
    words |= {word.partition("=")[2] for word in words} | {GUNICORN_CONF}
    return Findings(
        name=table["name"],
        has_version=bool(read_project(folder).version),
        has_git=(folder / ".git").exists(),
        scripts=_texts(table.get("scripts")),
        dependencies=dependencies,
        locked=locked,
        procfile=procfile,
        dockerfile=dockerfile,
        named_files=frozenset(word for word in words if _is_inner_file(folder, word)),
        django_settings=_django_settings(folder),
        sources=read_sources(folder, data),
        lock=lock.path.name if lock else "",
        has_hashes=not (lock and lock.unhashed_lines),
        are_builds_tracked=(folder / ".git").exists() and "_build" not in _text(folder / ".gitignore"),
        script_location=script_location,
        alembic_file=alembic_file,
        has_alembic="alembic" in dependencies | locked,
        has_placeholder_url="driver://user:pass@" in _text(folder / "alembic.ini"),
    )


def _project(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the content of pyproject.toml, and what it says of the project."""
    if not (folder / "pyproject.toml").exists():
        older = [name for name in ("setup.py", "setup.cfg", "requirements.txt", "Pipfile") if (folder / name).exists()]
        more = {"requirements.txt": ", and `uv add -r requirements.txt` takes over what it needs"}
        only = f", only {older[0]}" if older else ""
        raise ProjectError(
            f"there is no pyproject.toml here{only}, and releaser bundles projects that have one",
            now="nothing was written",
            hint=f"`uv init --bare` makes one{more.get(older[-1], '') if older else ''}; "
            "name another folder with `releaser init PATH`",
        )
    try:
        data = read_pyproject(folder)
    except UnusableProject as error:
        raise ProjectError(f"cannot use pyproject.toml: {error}", now="nothing was written") from None
    try:
        return data, project_table(folder, data)
    except UnusableProject:
        raise ProjectError(
            "pyproject.toml names no project, which the release is made of",
            now="nothing was written",
            hint="a table [project] with a name and a version; [tool.poetry] or [metadata] in setup.cfg do as well",
        ) from None


def _lock(folder: Path) -> Lock | None:
    try:
        return find_lock(folder, folder, "")
    except LockUnusable as error:
        message = f"cannot use {error.lock.shown}: {error.lock.why}"
        raise ProjectError(message, now="nothing was written") from None


def _locked(text: str) -> Iterator[str]:
    """Yield the normalized name of each package in a lock of any kind."""
    for match in _LOCKED.finditer(text):
        yield canonicalize_name(match[1] or match[2])


def _is_inner_file(folder: Path, word: str) -> bool:
    path = Path(word)
    try:
        return not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()
    except (OSError, ValueError):
        return False


def _texts(table: object) -> dict[str, str]:
    entries = table.items() if isinstance(table, dict) else ()
    return {name: value for name, value in entries if isinstance(value, str)}


def _dependencies(found: object) -> Iterator[str]:
    for text in found if isinstance(found, list) else ():
        match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?", text) if isinstance(text, str) else None
        if match:
            name = canonicalize_name(match[1])
            yield name
            extras = {extra.strip() for extra in (match[2] or "").split(",")}
            yield from (brought for (of, extra), brought in _BROUGHT.items() if of == name and extra in extras)


def _django_settings(folder: Path) -> str:
    """Return the settings that manage.py names, here or in the only folder below that has one."""
    managers = [folder / "manage.py", *sorted(folder.glob("*/manage.py"))]
    text = next((text for path in managers if (text := _text(path))), "")
    found = re.search(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([A-Za-z_][\w.]*)["']""", text)
    return found[1] if found else ""


def _alembic(folder: Path, data: Mapping[str, Any]) -> tuple[str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(folder / "alembic.ini"))
        written = parser.get("alembic", "script_location", fallback="")
    except ConfigParserError:
        written = ""
    file = "alembic.ini" if written else ""
    tool = data.get("tool", {})
    table = tool.get("alembic") if isinstance(tool, dict) else None
    if not written and isinstance(table, dict) and isinstance(table.get("script_location"), str):
        written, file = table["script_location"], "pyproject.toml"
    location = re.sub(r"^%\(here\)s/?", "", written).removeprefix("./").rstrip("/")
    package, colon, inside = location.partition(":")
    places = [folder / "src" / package.replace(".", "/") / inside, folder / package.replace(".", "/") / inside]
    has_scripts = any((place / "env.py").is_file() for place in (places if colon else [folder / location]))
    return (location, file) if location and has_scripts else ("", "")


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except Unreadable:
        return ""
