"""What of a project's folder does the app live on, besides its modules? Said by its settings, its files and its image.

Nothing is imported. What a build backend packs is told from its settings; where that is not certain, nothing is said.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from releaser.plan.project.application import is_application
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.reading import Unreadable, text_of

_SETTING = r"""^{name}\s*(?::[^=\n]+)?=\s*[^\n"']*["']([\w./-]+)["']"""
_SQLITE_NAME = re.compile(r"""["']NAME["']\s*:\s*[^\n"']*["']([\w./-]+\.(?:sqlite3?|db3?))["']""")
_SQLITE_URL = re.compile(r"sqlite(?:\+\w+)?:///(?:\./)?([\w-][\w./-]*)")
_FROM_FILE = ("README", "LICENSE", "CHANGELOG", "pyproject.toml", "setup.py", "setup.cfg")
_OF_THE_PROJECT = frozenset({"src", "tests", "test", "docs", "doc", "examples", "scripts", "rel", "build", "dist"})
_FOR_THE_BUILD = "only-for-the-build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command that a build is to run."""

    run: str
    reason: str
    when: str = "after"
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFindings:
    """What was found of the files of a project."""

    is_folder: bool = False
    """Whether they are the app, since no backend makes a wheel of it."""
    packed: frozenset[str] | None = None
    """Names at the top of the project's wheel; None: not known."""
    read: tuple[str, ...] = ()
    """Files and folders beside the package that the code names."""
    shared: tuple[str, ...] = ()
    """What the app writes among them."""
    steps: tuple[Step, ...] = ()


def find_tree(
    folder: Path,
    data: Mapping[str, Any],
    name: str,
    settings: str,
    packages: frozenset[str],
    variables: tuple[str, ...],
) -> TreeFindings:
    """Return what is found in `folder`, whose pyproject.toml says `data` of the project `name`.

    `settings` is the module of Django's settings, `packages` what the project asks for, and `variables` what its
    sources cannot do without.
    """
    place = _settings_file(folder, settings)
    text = _text(place) if place else ""
    # BASE_DIR is the folder that holds the package of the settings.
    base = place.relative_to(folder).as_posix()[: -len(_path_of(settings, place))].rstrip("/") if place else ""
    is_folder = is_application(folder, data)
    packed = None if is_folder else _packed(folder, data, name)
    return TreeFindings(
        is_folder=is_folder,
        packed=packed,
        read=() if is_folder else tuple(_read(folder, packed)),
        shared=tuple(dict.fromkeys(_shared(folder, text, base))),
        steps=tuple(_steps(folder, text, base, settings, packages, variables)),
    )


def is_beside_the_wheel(folder: Path, found: TreeFindings, module: str) -> bool:
    """Tell whether a module lies in the project's folder, and the wheel will not have it."""
    top = module.partition(".")[0]
    if found.packed is None or top in found.packed or not top:
        return False
    return (folder / top).is_dir() or (folder / f"{top}.py").is_file()


def _packed(folder: Path, data: Mapping[str, Any], name: str) -> frozenset[str] | None:
    """Return the names at the top of the wheel, by the settings of the backends that have one rule for it."""
    backend = str(table_in(data, "build-system").get("build-backend", "setuptools.build_meta"))
    tool = table_in(data, "tool")
    own = re.sub(r"[-.]+", "_", name).lower()
    if backend.startswith("hatchling"):
        build = table_in(table_in(tool, "hatch"), "build")
        wheel = {**build, **table_in(table_in(build, "targets"), "wheel")}
        listed = [*_texts(wheel.get("packages")), *_texts(wheel.get("only-include"))]
        if wheel.get("include") or wheel.get("force-include") or wheel.get("sources"):
            return None
        return _tops(listed) if listed else frozenset({own})
    if backend.startswith("poetry"):
        found = table_in(tool, "poetry").get("packages")
        tables = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        listed = [str(each.get("include", "")).partition("/")[0] for each in tables]
        return frozenset(listed) if listed else frozenset({own})
    if backend.startswith(("flit", "uv_build")):
        module = table_in(table_in(tool, "flit"), "module").get("name")
        module = module or table_in(table_in(tool, "uv"), "build-backend").get("module-name")
        return frozenset({module if isinstance(module, str) else own})
    if backend.startswith("setuptools"):
        settings = table_in(tool, "setuptools")
        listed = [*_texts(settings.get("packages")), *_texts(settings.get("py-modules"))]
        if listed:
            return frozenset(each.partition(".")[0] for each in listed)
        if (folder / "src").is_dir() and "packages" not in settings:
            return frozenset(path.stem for path in (folder / "src").iterdir())
    return None


def _tops(paths: list[str]) -> frozenset[str]:
    return frozenset(posixpath.basename(path.rstrip("/")).removesuffix(".py") for path in paths)


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _read(folder: Path, packed: frozenset[str] | None) -> Iterator[str]:
    """Yield what lies beside the package and is named in the code as a whole."""
    beside = {
        path.name
        for path in folder.iterdir()
        if not path.name.startswith((".", "_", *_FROM_FILE)) and path.name not in _OF_THE_PROJECT
        if path.suffix not in (".py", ".lock", ".md", ".txt") or path.name.startswith("VERSION")
        if path.name not in (packed or ()) and not (path.is_dir() and (path / "__init__.py").exists())
    }
    sources = [
        path for top in sorted(packed or ()) for base in ("src", ".") for path in (folder / base / top).rglob("*.py")
    ]
    text = "\n".join(_text(path) for path in sources)
    yield from sorted(name for name in beside if re.search(rf"""["'](?:\./)?{re.escape(name)}/?["']""", text))


def _shared(folder: Path, settings: str, base: str) -> Iterator[str]:
    media = re.search(_SETTING.format(name="MEDIA_ROOT"), settings, re.MULTILINE)
    if media:
        yield _inside(base, media[1])
    for found in _SQLITE_NAME.finditer(settings):
        yield _inside(base, found[1])
    texts = [_text(path) for path in (*sorted(folder.glob("*.py")), *sorted(folder.glob("*/*.py")))]
    for text in (*texts, _text(folder / "alembic.ini"), _text(folder / ".env.example")):
        for found in _SQLITE_URL.finditer(text):
            yield _inside("", found[1])
    image = _text(folder / "Dockerfile")
    workdir = (re.findall(r"^WORKDIR\s+(\S+)", image, re.MULTILINE) or ["/app"])[-1].rstrip("/")
    for line in re.findall(r"^VOLUME\s+(.+)$", image, re.MULTILINE):
        for path in re.findall(r"[\w./-]+", line):
            if path.startswith(f"{workdir}/"):
                yield _inside("", path[len(workdir) + 1 :]).rstrip("/") + "/"
    commands = _text(folder / "Procfile") + image
    if re.search(r"celery\b[^\n]*\bbeat\b|celery\b[^\n]*\s-B\b", commands):
        yield "celerybeat-schedule"


def _inside(base: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(base, path.lstrip("/")))


def _steps(
    folder: Path, settings: str, base: str, module: str, packages: frozenset[str], variables: tuple[str, ...]
) -> Iterator[Step]:
    yield from _node_steps(folder)
    manager = next((path for path in (folder / base / "manage.py", folder / "manage.py") if path.is_file()), None)
    manage = f"python {manager.relative_to(folder)}" if manager else "python -m django"
    env = {name: _value_for_the_build(name) for name in variables}
    if not manager and module:
        env["DJANGO_SETTINGS_MODULE"] = module
    if re.search(r"^STATIC_ROOT\s*[:=]", settings, re.MULTILINE):
        yield Step(run=f"{manage} collectstatic --noinput", reason="STATIC_ROOT in the settings", env=env)
    translated = [path for path in _below(folder, "*.po") if not path.with_suffix(".mo").exists()]
    if module and any("locale" in path.parts for path in translated):
        yield Step(run=f"{manage} compilemessages", reason=f"{translated[0].relative_to(folder)}", env=env)
    elif packages & {"babel", "flask-babel"} and translated:
        place = translated[0].relative_to(folder).parts
        at = next((index for index, part in enumerate(place) if part in ("translations", "locale")), -1)
        if at >= 0:
            yield Step(run=f"pybabel compile -d {posixpath.join(*place[: at + 1])}", reason=posixpath.join(*place))


def _node_steps(folder: Path) -> Iterator[Step]:
    try:
        described = json.loads(_text(folder / "package.json") or "{}")
    except ValueError:
        return
    if not isinstance(described, dict) or "build" not in table_in(described, "scripts"):
        return
    for lock, install, build in (
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run build"),
        ("yarn.lock", "yarn install --frozen-lockfile", "yarn run build"),
        ("package-lock.json", "npm ci", "npm run build"),
        ("package.json", "npm install", "npm run build"),
    ):
        if (folder / lock).is_file():
            yield Step(run=f"{install} && {build}", reason="the script build of package.json", when="before")
            return


def _below(folder: Path, pattern: str) -> list[Path]:
    found = (path for depth in ("", "*/", "*/*/") for path in folder.glob(f"{depth}*/*/LC_MESSAGES/{pattern}"))
    return sorted(path for path in found if not any(part.startswith(".") or part == "_build" for part in path.parts))


def _value_for_the_build(name: str) -> str:
    return "sqlite:///:memory:" if name.endswith("DATABASE_URL") else _FOR_THE_BUILD


def _settings_file(folder: Path, module: str) -> Path | None:
    if not module:
        return None
    path = module.replace(".", "/")
    roots = [folder, folder / "src", *(each.parent for each in sorted(folder.glob("*/manage.py")))]
    files = (root / f"{path}{end}" for root in roots for end in (".py", "/__init__.py"))
    return next((file for file in files if file.is_file()), None)


def _path_of(module: str, place: Path) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if place.name == "__init__.py" else f"{path}.py"


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except Unreadable:
        return ""
