"""What do the project's own modules offer that could be run? Their text is read; nothing is run or imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from releaser.init.routes import health_route
from releaser.plan.project.application import application_files, is_application
from releaser.plan.project.reading import Unreadable, content_of

ASGI = ("FastAPI", "Starlette", "Quart", "Litestar", "get_asgi_application", "BlackSheep")
WSGI = ("Flask", "Bottle", "Pyramid", "get_wsgi_application", "Falcon")
CELERY = "Celery"
_FACTORIES = ("create_app", "make_app", "build_app", "get_app")
_LEFT_OUT = frozenset(
    {"tests", "test", "docs", "examples", "build", "dist", "node_modules", "_build", "rel", "migrations"}
)
_MOST_MODULES = 400
_LIKELY = ("__main__", "main", "app", "server", "cli", "run", "web", "asgi", "wsgi")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebApp:
    """An application object of the project, or a function that makes one."""

    target: str
    """`module:name`."""
    interface: Literal["asgi", "wsgi"]
    is_factory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What was found in the modules, the likeliest first."""

    modules: tuple[str, ...] = ()
    web_apps: tuple[WebApp, ...] = ()
    celery_apps: tuple[str, ...] = ()
    """As `celery -A` takes them."""
    main_functions: tuple[str, ...] = ()
    """`module:main`."""
    packages_with_main: tuple[str, ...] = ()
    """Packages that `python -m` can run."""
    scripts: tuple[str, ...] = ()
    """Other modules that do something when they are run: `if __name__ == "__main__":`."""
    health: str = ""
    """A route that looks like a health check: `/health`."""
    required_variables: tuple[str, ...] = ()
    """Names in `os.environ["NAME"]`."""


def read_sources(folder: Path, data: Mapping[str, Any]) -> Sources:
    """Return what the modules in `folder` hold, whose pyproject.toml says `data`."""
    trees = {name: tree for name, path in _modules(folder, data) if (tree := _parsed(path)) is not None}
    ordered = sorted(trees, key=_likelihood)
    mains = [name for name in ordered if _has_main(trees[name])]
    return Sources(
        modules=tuple(ordered),
        web_apps=tuple(app for name in ordered for app in _web_apps(name, trees[name])),
        celery_apps=tuple(app for name in ordered for app in _celery_apps(name, trees[name])),
        main_functions=tuple(f"{name}:main" for name in mains),
        packages_with_main=tuple(name.removesuffix(".__main__") for name in ordered if name.endswith(".__main__")),
        scripts=tuple(name for name in ordered if name not in mains and _is_script(trees[name])),
        health=health_route({name: trees[name] for name in ordered}),
        required_variables=tuple(sorted({name for tree in trees.values() for name in _required(tree)})),
    )


def _modules(folder: Path, data: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield the modules that the project's wheel would hold, by their dotted name; setup.py and manage.py are none."""
    count = 0
    for parts, path in _files(folder, data):
        if not all(part.isidentifier() for part in parts) or _LEFT_OUT.intersection(parts):
            continue
        if parts in (("setup",), ("manage",), ("conftest",)):
            continue
        count += 1
        if count > _MOST_MODULES:
            return
        yield ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts), path


def _files(folder: Path, data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Path]]:
    if is_application(folder, data):
        for place, path in application_files(folder).items():
            if path.suffix == ".py":
                yield Path(place).with_suffix("").parts, path
        return
    has_src = (folder / "src").is_dir()
    top = folder / "src" if has_src else folder
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top).with_suffix("").parts
        hidden = any(part.startswith(".") for part in parts)
        if not hidden and (has_src or len(parts) == 1 or _is_package(top / parts[0])):
            yield parts, path


def _is_package(folder: Path) -> bool:
    """Tell whether a folder beside pyproject.toml is a package, or a namespace of one."""
    return (folder / "__init__.py").is_file() or any(folder.glob("*/__init__.py"))


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(content_of(path))
    except (SyntaxError, ValueError, Unreadable, RecursionError):
        return None


def _likelihood(module: str) -> tuple[int, int, str]:
    last = module.rpartition(".")[2]
    return (module.count("."), _LIKELY.index(last) if last in _LIKELY else len(_LIKELY), module)


def _assigned_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the names at the top of a module that a call gives their value."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                yield target.id, node.value


def _web_apps(module: str, tree: ast.Module) -> Iterator[WebApp]:
    for name, call in _assigned_calls(tree):
        interface = _interface(call)
        if interface:
            yield WebApp(target=f"{module}:{name}", interface=interface, is_factory=False)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in _FACTORIES:
            made = [_interface(call) for call in ast.walk(node) if isinstance(call, ast.Call)]
            interface = next((found for found in made if found), "")
            if interface and not _needs_arguments(node):
                yield WebApp(target=f"{module}:{node.name}", interface=interface, is_factory=True)


def _celery_apps(module: str, tree: ast.Module) -> Iterator[str]:
    for name, call in _assigned_calls(tree):
        if _called(call) == CELERY:
            package, _, last = module.rpartition(".")
            if name in ("app", "celery"):  # celery finds these, and looks into `package.celery`
                yield package if package and last == "celery" else module
            else:
                yield f"{module}:{name}"


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _interface(call: ast.Call) -> Literal["asgi", "wsgi", ""]:
    name = _called(call)
    return "asgi" if name in ASGI else "wsgi" if name in WSGI else ""


def _has_main(tree: ast.Module) -> bool:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(
        node.name == "main" and not isinstance(node, ast.AsyncFunctionDef) and _can_be_called(node)
        for node in functions
    )


def _is_script(tree: ast.Module) -> bool:
    tests = [node.test for node in tree.body if isinstance(node, ast.If)]
    return any(isinstance(test, ast.Compare) and getattr(test.left, "id", "") == "__name__" for test in tests)


def _can_be_called(function: ast.FunctionDef) -> bool:
    """Tell whether a function runs without arguments, as click's and typer's commands do whatever they take."""
    decorators = [node.func if isinstance(node, ast.Call) else node for node in function.decorator_list]
    names = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in decorators]
    return bool({"command", "group"}.intersection(names)) or not _needs_arguments(function)


def _needs_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    return len(positional) > len(spec.defaults) or any(default is None for default in spec.kw_defaults)


def _required(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.ctx, ast.Load):
            value = node.value
            name = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
            key = node.slice.value
            if name == "environ" and isinstance(key, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
                yield key
