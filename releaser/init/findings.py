"""What is in a project, as far as its first configuration depends on it? Reads files; runs and imports nothing."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from releaser.errors import ProjectError

ASGI = ("FastAPI", "Starlette", "Quart", "Litestar", "get_asgi_application", "BlackSheep")
WSGI = ("Flask", "Bottle", "Pyramid", "get_wsgi_application", "Falcon")
LOCKS = ("uv.lock", "pylock.toml", "requirements.txt", "poetry.lock", "pdm.lock")
HEALTH = ("/health", "/healthz", "/health/", "/healthcheck", "/-/health", "/up")
_LEFT_OUT = frozenset(
    {"tests", "test", "docs", "examples", "build", "dist", "node_modules", "_build", "rel", "migrations"}
)
_MOST_MODULES = 400
_OF_THE_IMAGE = re.compile(
    "(PATH|HOME|LANG|LC_.*|TZ|DEBIAN_.*|PYTHON.*|PIP_.*|UV_.*|POETRY_.*|PDM_.*|VIRTUAL_ENV|PORT)$"
)
_LIKELY = ("__main__", "main", "app", "server", "cli", "run", "web", "asgi", "wsgi")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebApp:
    """An application object of the project, or a function that makes one."""

    target: str
    """`module:name`."""
    interface: Literal["asgi", "wsgi"]
    is_factory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found."""

    name: str
    """The project's, as pyproject.toml has it."""
    scripts: Mapping[str, str]
    """Console scripts: name to `module:function`."""
    dependencies: frozenset[str]
    """Normalized names, those of extras left out."""
    procfile: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words of each of its processes; none of one that needs a shell."""
    dockerfile: tuple[str, ...] = ()
    """Words of its last ENTRYPOINT and CMD."""
    docker_env: Mapping[str, str] = field(default_factory=dict)
    """What its ENV lines set to a plain value."""
    docker_port: str = ""
    """The first port that it exposes."""
    django_settings: str = ""
    """The module that manage.py names."""
    web_apps: tuple[WebApp, ...] = ()
    main_functions: tuple[str, ...] = ()
    """`module:main`, the likeliest first."""
    packages_with_main: tuple[str, ...] = ()
    """Packages that `python -m` can run."""
    health: str = ""
    """A route that looks like a health check: `/health`."""
    required_variables: tuple[str, ...] = ()
    """Names in `os.environ["NAME"]`."""
    lock: str = ""
    are_builds_tracked: bool = False
    """Whether git would take what is built for sources: a repository whose .gitignore does not name `_build`."""
    script_location: str = ""
    """alembic's, as `script_location` of rel/config.toml has it; empty without alembic."""
    alembic_file: str = ""
    has_alembic: bool = False
    """Whether alembic is a dependency, by pyproject.toml or by the lock."""
    has_placeholder_url: bool = False
    """Whether alembic.ini still has the URL that `alembic init` writes, which leads nowhere."""


def find(folder: Path) -> Findings:
    """Return what is found in `folder`.

    Raises:
        ProjectError: it has no pyproject.toml that names a project.
    """
    data = _pyproject(folder)
    project = data["project"]
    modules = dict(_modules(folder))
    trees = {name: tree for name, path in modules.items() if (tree := _parsed(path)) is not None}
    ordered = sorted(trees, key=_likelihood)
    script_location, alembic_file = _alembic(folder, data)
    dependencies = frozenset(_dependencies(project.get("dependencies")))
    lock = next((name for name in LOCKS if (folder / name).is_file()), "")
    docker = next((text for name in ("Dockerfile", "Containerfile") if (text := _text(folder / name))), "")
    return Findings(
        name=project["name"],
        scripts=_texts(project.get("scripts")),
        dependencies=dependencies,
        procfile=_procfile(folder / "Procfile"),
        dockerfile=_dockerfile(docker),
        docker_env=_docker_env(docker),
        docker_port=next((words[0].partition("/")[0] for words in _words_of(docker, "EXPOSE") if words), ""),
        django_settings=_django_settings(folder / "manage.py"),
        web_apps=tuple(app for name in ordered for app in _web_apps(name, trees[name])),
        main_functions=tuple(f"{name}:main" for name in ordered if _has_main(trees[name]) and name != "setup"),
        packages_with_main=tuple(name.removesuffix(".__main__") for name in ordered if name.endswith(".__main__")),
        health=next((route for name in ordered for route in _health(trees[name])), ""),
        required_variables=tuple(sorted({name for tree in trees.values() for name in _required(tree)})),
        lock=lock,
        are_builds_tracked=(folder / ".git").exists() and "_build" not in _text(folder / ".gitignore"),
        script_location=script_location,
        alembic_file=alembic_file,
        has_alembic=_has_alembic(folder, dependencies, lock),
        has_placeholder_url="driver://user:pass@" in _text(folder / "alembic.ini"),
    )


def _pyproject(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(
            "there is no pyproject.toml here, and releaser bundles Python projects",
            now="nothing was written",
            hint="`uv init --package` makes one; name another folder with `releaser init PATH`",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectError(f"cannot read pyproject.toml: {error}", now="nothing was written") from error
    project = data.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise ProjectError(
            "pyproject.toml has no [project] table with a name, which the release is made of",
            now="nothing was written",
            hint="Poetry 2 and PDM write one; for older files see PEP 621",
        )
    return data


def _texts(table: object) -> dict[str, str]:
    entries = table.items() if isinstance(table, dict) else ()
    return {name: value for name, value in entries if isinstance(value, str)}


def _dependencies(found: object) -> Iterator[str]:
    for text in found if isinstance(found, list) else ():
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) if isinstance(text, str) else None
        if name:
            yield re.sub(r"[-_.]+", "-", name.group()).lower()


def _procfile(path: Path) -> dict[str, tuple[str, ...]]:
    processes: dict[str, tuple[str, ...]] = {}
    for line in _text(path).splitlines():
        name, colon, command = line.partition(":")
        if colon and re.fullmatch(r"[A-Za-z0-9_-]+", name.strip()):
            processes.setdefault(name.strip(), _shell_words(command.strip()))
    return processes


def _dockerfile(text: str) -> tuple[str, ...]:
    found = {instruction: next(reversed([*_words_of(text, instruction)]), ()) for instruction in ("ENTRYPOINT", "CMD")}
    return (*found["ENTRYPOINT"], *found["CMD"])


def _words_of(dockerfile: str, instruction: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each line with this instruction."""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word.upper() == instruction:
            yield _exec_form(rest) or _shell_words(rest)


def _docker_env(dockerfile: str) -> dict[str, str]:
    """Return the variables with a plain value; what Python, its installers and the shell need is the image's own."""
    found: dict[str, str] = {}
    for line in dockerfile.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word.upper() != "ENV":
            continue
        try:
            words = shlex.split(rest)
        except ValueError:
            continue
        if words and "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]
        for name, _, value in (word.partition("=") for word in words):
            if re.fullmatch(r"[A-Za-z_]\w*", name) and not _OF_THE_IMAGE.match(name) and "$" not in value:
                found[name] = value
    return found


def _django_settings(manage: Path) -> str:
    found = re.search(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([A-Za-z_][\w.]*)["']""", _text(manage))
    return found[1] if found else ""


def _exec_form(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except ValueError:
        return ()
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else ()


def _shell_words(text: str) -> tuple[str, ...]:
    """Return the words of a command that needs no shell; nothing of one that does."""
    if re.search(r"[|;<>`&]|\$\(", text):
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        return ()
    return tuple(words) if not any("=" in word for word in words[:1]) else ()


def _modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules that a wheel of the usual layouts would hold, by their dotted name."""
    top = folder / "src" if (folder / "src").is_dir() else folder
    count = 0
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top).with_suffix("").parts
        hidden = any(part.startswith(".") for part in parts)
        if hidden or not all(part.isidentifier() for part in parts) or _LEFT_OUT.intersection(parts):
            continue
        is_inside = all((top.joinpath(*parts[:depth]) / "__init__.py").is_file() for depth in range(1, len(parts)))
        if not is_inside:
            continue
        count += 1
        if count > _MOST_MODULES:
            return
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return None


def _likelihood(module: str) -> tuple[int, int, str]:
    last = module.rpartition(".")[2]
    return (module.count("."), _LIKELY.index(last) if last in _LIKELY else len(_LIKELY), module)


def _web_apps(module: str, tree: ast.Module) -> Iterator[WebApp]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            interface = _interface(node.value)
            if interface and isinstance(target, ast.Name):
                yield WebApp(target=f"{module}:{target.id}", interface=interface, is_factory=False)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in ("create_app", "make_app", "build_app"):
            made = [_interface(call) for call in ast.walk(node) if isinstance(call, ast.Call)]
            interface = next((found for found in made if found), "")
            if interface and not _needs_arguments(node):
                yield WebApp(target=f"{module}:{node.name}", interface=interface, is_factory=True)


def _interface(call: ast.Call) -> Literal["asgi", "wsgi", ""]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return "asgi" if name in ASGI else "wsgi" if name in WSGI else ""


def _has_main(tree: ast.Module) -> bool:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(node.name == "main" and not _needs_arguments(node) for node in functions)


def _needs_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    return len(positional) > len(spec.defaults) or any(default is None for default in spec.kw_defaults)


def _health(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in HEALTH:
            yield str(node.value)


def _required(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.ctx, ast.Load):
            value = node.value
            name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
            key = node.slice.value
            if name == "environ" and isinstance(key, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
                yield key


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


def _has_alembic(folder: Path, dependencies: frozenset[str], lock: str) -> bool:
    in_lock = re.search(r'^(alembic==|name = "alembic")', _text(folder / lock) if lock else "", re.MULTILINE)
    return "alembic" in dependencies or in_lock is not None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
