"""What is in a project, as far as its first configuration depends on it? Reads files; runs and imports nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from releaser.errors import ProjectError
from releaser.init.deployment import Dockerfile, compose_health, read_dockerfile, read_procfile
from releaser.init.sources import Sources, read_sources
from releaser.init.tree import TreeFindings, find_tree
from releaser.plan.environment_checks import missing_python
from releaser.plan.facts import Lock, Project, Wanted
from releaser.plan.gather import python_of
from releaser.plan.project.formats.requirement_files import main_file, requirements_in
from releaser.plan.project.git import is_ignored, read_git
from releaser.plan.project.interpreter import Chosen, is_within, this_interpreter
from releaser.plan.project.locks.finding import NAMES as LOCKS
from releaser.plan.project.locks.finding import LockUnusable, find_lock
from releaser.plan.project.locks.selecting import Asked
from releaser.plan.project.offered import extras_of, groups_of
from releaser.plan.project.pyproject import UnusableProject, project_data, project_table, read_project
from releaser.plan.project.reading import Unreadable, text_of
from releaser.plan.project.target_markers import marker_environment
from releaser.plan.project.wanted import find_wanted

_CONTROL_SOCKET = Version("25.1")
GUNICORN_CONF = "gunicorn.conf.py"
_BROUGHT = {("fastapi", "standard"): "uvicorn", ("fastapi", "all"): "uvicorn"}
"""Servers that extras bring along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An extra or a group of the project."""

    setting: Literal["extras", "groups"]
    name: str
    packages: frozenset[str]
    """Normalized names of what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found."""

    name: str
    """The project's, as its files have it, or git, or its folder."""
    is_described: bool = True
    """Whether a pyproject.toml describes it, to which a tool can add a dependency."""
    has_version: bool = True
    """Whether the project's version stands in a file that is read."""
    has_git: bool = False
    """Whether git has a commit of it to tell a version by."""
    scripts: Mapping[str, str]
    """Console scripts: name to `module:function`."""
    dependencies: frozenset[str]
    """Normalized names of what the project asks for, those of extras left out."""
    locked: frozenset[str] = frozenset()
    """Normalized names of everything that the bundle gets by the lock, or by a requirements file."""
    procfile: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words of each of its processes; none of one that needs a shell."""
    dockerfile: Dockerfile = field(default_factory=Dockerfile)
    named_files: frozenset[str] = frozenset()
    """Words of those commands that are files of the project; gunicorn's settings, which it finds by itself."""
    django_settings: str = ""
    """The module that manage.py names."""
    sources: Sources = field(default_factory=Sources)
    tree: TreeFindings = field(default_factory=TreeFindings)
    folder: Path = Path()
    lock: str = ""
    """Its file's name; empty without one."""
    wanted: str = ""
    """Where what it asks for is written, if there is no lock; empty if there is one, or nothing is asked for."""
    asks: str = ""
    """The same, for a sentence."""
    chosen_file: str = ""
    """The requirements file that a Dockerfile installs, where it is another than the one that a build would take."""
    choices: tuple[Choice, ...] = ()
    """Extras and groups, whose packages are in the bundle once they are named."""
    python: str = ""
    """The Python that a build would use, and why; told to people."""
    python_trouble: str = ""
    """Why there is none."""
    are_builds_tracked: bool = False
    """Whether git would take what is built for sources: a repository that does not ignore `_build`."""
    script_location: str = ""
    """alembic's, as `script_location` of rel/config.toml has it; empty without alembic."""
    alembic_file: str = ""
    has_alembic: bool = False
    """Whether alembic is a dependency, by pyproject.toml or by the lock."""
    has_placeholder_url: bool = False
    """Whether alembic.ini still has the URL that `alembic init` writes, which leads nowhere."""

    has_control_socket: bool = False
    """Whether the bundle's gunicorn opens a control socket in a home folder: since 25.1."""
    health: str = ""
    """The path of a health check: that of an image or a compose file, or a route of the app."""

    def has(self, package: str) -> bool:
        """Tell whether the bundle will hold a package."""
        return package in self.dependencies or package in self.locked


def find(folder: Path) -> Findings:
    """Return what is found in `folder`.

    Raises:
        ProjectError: there is no project, or its pyproject.toml or lock cannot be used.
    """
    data, table, project = _project(folder)
    script_location, alembic_file = _alembic(folder, data)
    dependencies = frozenset(_dependencies(table.get("dependencies")))
    dockerfile = read_dockerfile(folder)
    file = _requirements_of_image(folder, dockerfile)
    chosen = python_of(project)
    asked = Asked(
        folder=folder.resolve(),
        project=data,
        environment=marker_environment(chosen.interpreter or this_interpreter()),
    )
    lock = _lock(folder, file, asked)
    wanted = None if lock else find_wanted(folder, folder, data, file, (), ())
    locked = frozenset(package.name for package in lock.packages) if lock else frozenset(_asked_for(wanted))
    procfile = read_procfile(_text(folder / "Procfile"))
    words = {word for command in (*procfile.values(), dockerfile.entrypoint, dockerfile.cmd) for word in command}
    words |= {word.partition("=")[2] for word in words} | {GUNICORN_CONF}
    settings, sources = _django_settings(folder), read_sources(folder, data)
    return Findings(
        folder=folder,
        tree=find_tree(folder, data, table["name"], settings, dependencies | locked, sources.required_variables),
        name=table["name"],
        is_described="project" in data,
        has_version=bool(project.version),
        has_git=read_git(folder) is not None,
        scripts=_texts(table.get("scripts")),
        dependencies=dependencies,
        locked=locked,
        procfile=procfile,
        dockerfile=dockerfile,
        named_files=frozenset(word for word in words if _is_inner_file(folder, word)),
        django_settings=settings,
        sources=sources,
        lock=lock.shown if lock else "",
        wanted=wanted.shown if wanted else "",
        asks=wanted.asks if wanted else "",
        chosen_file=file,
        has_control_socket=_has_control_socket(lock, [*_asked_lines(table, wanted)]),
        health=dockerfile.health or compose_health(folder) or sources.health,
        choices=tuple(_choices(folder, data, table)),
        python=_told_python(project, chosen),
        python_trouble=missing_python(project, chosen),
        are_builds_tracked=(folder / ".git").exists() and not is_ignored(folder, "_build/prod"),
        script_location=script_location,
        alembic_file=alembic_file,
        has_alembic="alembic" in dependencies | locked,
        has_placeholder_url="driver://user:pass@" in _text(folder / "alembic.ini"),
    )


def _project(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Project]:
    """Return the content of pyproject.toml, what the project's files say of it, and what a plan takes from that."""
    try:
        data = project_data(folder)
        return data, project_table(folder, data), read_project(folder)
    except UnusableProject as error:
        has_pyproject = (folder / "pyproject.toml").exists()
        what = "cannot use pyproject.toml" if has_pyproject else f"there is no project in {shown_folder(folder)}"
        raise ProjectError(f"{what}: {error}", now="nothing was written") from None


def shown_folder(folder: Path) -> str:
    """Return a folder for people: `this folder` for the one that the command was started in."""
    return "this folder" if folder.resolve() == Path.cwd() else str(folder)


def _lock(folder: Path, file: str, asked: Asked) -> Lock | None:
    try:
        return find_lock(folder, folder, file, asked)
    except LockUnusable as error:
        message = f"cannot use {error.lock.shown}: {error.lock.why}"
        raise ProjectError(message, now="nothing was written", hint=error.lock.hint) from None


def _requirements_of_image(folder: Path, dockerfile: Dockerfile) -> str:
    """Return the requirements file that an image installs, if a build would take another one, or none."""
    by_itself = main_file(folder)
    has_lock = any((folder / name).exists() for name, kind in LOCKS if kind != "requirements")
    for name in dockerfile.requirements if not has_lock else ():
        if _is_inner_file(folder, name) and folder / name != by_itself:
            return name
    return ""


def _asked_for(wanted: Wanted | None) -> Iterator[str]:
    """Yield the names that are asked for where there is no lock; what those need is found by a build."""
    for path in wanted.files if wanted else ():
        if path.suffix in (".txt", ".in"):
            yield from _dependencies([each.text for each in requirements_in(path)])
    yield from _dependencies(list(wanted.lines) if wanted else [])


def _asked_lines(table: Mapping[str, Any], wanted: Wanted | None) -> Iterator[str]:
    """Yield every requirement as it is written."""
    yield from (text for text in table.get("dependencies") or () if isinstance(text, str))
    yield from wanted.lines if wanted else ()
    for path in wanted.files if wanted else ():
        if path.suffix in (".txt", ".in"):
            yield from (each.text for each in requirements_in(path))


def _has_control_socket(lock: Lock | None, lines: Sequence[str]) -> bool:
    """Tell whether gunicorn is, or will be resolved to, a version with that socket; its option is unknown to others."""
    pinned = [package.version for package in lock.packages if package.name == "gunicorn"] if lock else []
    try:
        if pinned and pinned[0]:
            return Version(pinned[0]) >= _CONTROL_SOCKET
        allowed = [asked.specifier for asked in map(Requirement, lines) if canonicalize_name(asked.name) == "gunicorn"]
    except (InvalidVersion, InvalidRequirement):
        return False
    newest = [_CONTROL_SOCKET, *(Version(f"{major}.0") for major in range(_CONTROL_SOCKET.major + 1, 100))]
    return bool(allowed) and any(all(version in each for each in allowed) for version in newest)


def _choices(folder: Path, data: Mapping[str, Any], table: Mapping[str, Any]) -> Iterator[Choice]:
    """Yield the extras of a project, then its groups."""
    for name, texts in extras_of(data, table).items():
        yield Choice(setting="extras", name=name, packages=frozenset(_dependencies(texts)))
    for name, texts in groups_of(folder, data).items():
        yield Choice(setting="groups", name=name, packages=frozenset(_dependencies(texts)))


def _told_python(project: Project, chosen: Chosen) -> str:
    if chosen.interpreter is None:
        return "none"
    request = project.python_request
    why = f", from {request.source}" if request and not chosen.passed_over else ""
    if not why and project.requires_python and is_within(chosen.interpreter, project.requires_python):
        why = f", within {project.requires_python}"
    return f"{chosen.interpreter.full_version}{why}"


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
