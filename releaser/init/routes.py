"""Which path answers whether the app is well? The routes of Flask, FastAPI, Starlette, Django and their like, as text.

A route counts under the prefixes that its router, blueprint or urls module is put below. Where those cannot be told
from the text alone, a health check is not guessed: the root of the app is asked in its place.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

HEALTH = (
    *("health", "healthz", "healthcheck", "health-check", "health_check", "_health", "-/health", "-/healthy"),
    *("health/ready", "health/live", "ready", "readyz", "live", "livez", "alive", "heartbeat", "__heartbeat__"),
    *("up", "ping", "__lbheartbeat__"),
)
"""What such a route is called, the likeliest first."""
_ROUTERS = ("APIRouter", "Blueprint", "Router")
_INCLUDES = ("include_router", "register_blueprint")
_DECORATORS = ("route", "get", "api_route")
_CALLS = ("add_url_rule", "add_api_route", "add_route", "add_get")
_TABLES = ("Route",)
_OF_AIOHTTP = ("get", "route")
_BELOW_ANOTHER = ("Mount", "i18n_patterns", "Host")
"""Calls with routes in them that are not where they seem to be."""
_OF_DJANGO = ("path", "re_path", "url")
_PREFIXES = ("prefix", "url_prefix")
_DEEPEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    module: str
    owner: str
    """The name that it hangs on in its module; empty: a table of routes."""
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Below:
    """A router, or the urls of a module, that another one has below a prefix."""

    parent: tuple[str, str]
    child: tuple[str, str]
    prefix: str | None
    """None: not to be told."""
    replaces: bool = False
    """The prefix takes the place of the router's own."""


def health_route(trees: Mapping[str, ast.Module]) -> str:
    """Return the path of a health check among the routes of these modules, by name: `/api/health`, or nothing."""
    reader = _Reader(trees)
    found = [path for route in reader.routes for path in reader.paths_of(route) if _rank(path) < len(HEALTH)]
    return min(found, key=lambda path: (_rank(path), path.count("/"), found.index(path)), default="")


def _rank(path: str) -> int:
    """Return the place of a path in HEALTH; its length for one that is no health check."""
    plain = path.strip("/").lower()
    if re.search(r"[{}<>()*\[\]]", plain):
        return len(HEALTH)
    ends = (place for place, name in enumerate(HEALTH) if plain == name or plain.endswith(f"/{name}"))
    return next(ends, len(HEALTH))


class _Reader:
    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._trees = trees
        self._imports = {name: _imports(name, tree, trees) for name, tree in trees.items()}
        self._own: dict[tuple[str, str], str | None] = {}
        self._mounted: set[tuple[str, str]] = set()
        self._passed_over: set[int] = set()
        self._belows: list[_Below] = []
        self.routes: list[_Route] = []
        for module, tree in trees.items():
            for node in ast.walk(tree):  # from the outside in
                self._read(module, node)

    def paths_of(self, route: _Route) -> Iterator[str]:
        """Yield the whole path of a route, for each place that it can be told to have."""
        for prefix in self._prefixes((route.module, route.owner), _DEEPEST):
            path = "/" + "/".join(part for part in (prefix.strip("/"), route.path.strip("/")) if part)
            yield path + "/" if route.path.endswith("/") and path != "/" else path

    def _prefixes(self, key: tuple[str, str], depth: int) -> Iterator[str]:
        own = self._own.get(key, "")
        above = [each for each in self._belows if each.child == key]
        if own is None or not depth:
            return
        if not above and not self._is_lost(key):
            yield own
        for each in above:
            if each.prefix is not None:
                inside = each.prefix if each.replaces else f"{each.prefix}/{own}"
                for outer in self._prefixes(each.parent, depth - 1):
                    yield re.sub("/+", "/", f"{outer}/{inside}")

    def _is_lost(self, key: tuple[str, str]) -> bool:
        """Tell whether something is below a prefix that cannot be seen: nobody names it, and others are named."""
        is_parent = any(each.parent == key for each in self._belows)
        is_of_django = key[0].rpartition(".")[2] == "urls" and not key[1]
        is_named = key in self._own or is_of_django
        return key in self._mounted or (is_named and bool(self._belows) and not is_parent)

    def _read(self, module: str, node: ast.AST) -> None:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name), *_], value=ast.Call() as call)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call)
            ) if _name(call.func) in _ROUTERS:
                self._own[module, name] = _prefix(call)
            case ast.ClassDef():  # a controller: its own path stands above those of its functions
                self._passed_over.update(id(each) for each in node.body)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if id(node) not in self._passed_over:
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Call) and _name(decorator.func) in _DECORATORS:
                        self._note(module, decorator)
            case ast.Call() if id(node) not in self._passed_over:
                self._read_call(module, node)

    def _read_call(self, module: str, call: ast.Call) -> None:
        name, first = _name(call.func), call.args[0] if call.args else None
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name in _INCLUDES and first is not None:
            child = self._named(module, first)
            parent = (self._named(module, owner) if owner is not None else None) or (module, "")
            prefix = _prefix(call)
            if child:
                replaces = name == "register_blueprint" and bool(prefix)  # Flask's own rule
                self._belows.append(_Below(parent=parent, child=child, prefix=prefix, replaces=replaces))
        elif name == "mount" and len(call.args) > 1 and (mounted := self._named(module, call.args[1])):
            self._mounted.add(mounted)
        elif name in _BELOW_ANOTHER:
            self._passed_over.update(id(each) for each in ast.walk(call))
        elif name in _OF_DJANGO and owner is None and len(call.args) > 1 and (text := _text(first)) is not None:
            self._read_django(module, text, call.args[1])
        elif name in (*_TABLES, *_CALLS) or (name in _OF_AIOHTTP and getattr(owner, "id", "") == "web"):
            self._note(module, call)

    def _note(self, module: str, call: ast.Call) -> None:
        """Note the route that a call or a decorator makes, if it answers a GET."""
        text = _text(call.args[0]) if call.args else None
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if text is not None and (not text or text.startswith("/")) and _takes_get(call):
            self.routes.append(_Route(module=module, owner=getattr(owner, "id", ""), path=text))

    def _read_django(self, module: str, text: str, view: ast.expr) -> None:
        path = re.sub(r"^\^|/\?\$$|\$$", "", text)
        if not (isinstance(view, ast.Call) and _name(view.func) == "include"):
            self.routes.append(_Route(module=module, owner="", path=path))
        elif view.args:
            named = self._named(module, view.args[0])
            child = _text(view.args[0]) or (".".join(filter(None, named)) if named else "")
            self._belows.append(_Below(parent=(module, ""), child=(child, ""), prefix=path))

    def _named(self, module: str, node: ast.expr) -> tuple[str, str] | None:
        """Return the module and the name that an expression means: `router`, `health.router`."""
        if isinstance(node, ast.Name):
            return self._followed((module, node.id))
        if isinstance(node, ast.Attribute) and (inner := self._named(module, node.value)):
            return self._followed((".".join(filter(None, inner)), node.attr))
        return None

    def _followed(self, found: tuple[str, str]) -> tuple[str, str]:
        """Return where a name comes from that a module has imported."""
        for _ in range(_DEEPEST):
            found, before = self._imports.get(found[0], {}).get(found[1], found), found
            if found == before:
                break
        return found


def _imports(module: str, tree: ast.Module, trees: Mapping[str, ast.Module]) -> dict[str, tuple[str, str]]:
    """Return where each imported name of a module comes from: its module, and its name there."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                found[each.asname or each.name] = (each.name, "")
        elif isinstance(node, ast.ImportFrom):
            of = _absolute(module, node, trees)
            for each in node.names:
                is_module = f"{of}.{each.name}" in trees
                found[each.asname or each.name] = (f"{of}.{each.name}", "") if is_module else (of, each.name)
    return found


def _absolute(module: str, node: ast.ImportFrom, trees: Mapping[str, ast.Module]) -> str:
    """Return the module that is imported from; whether this one is a package is told by what it has below."""
    if not node.level:
        return node.module or ""
    is_package = any(name.startswith(f"{module}.") for name in trees)
    parts = module.split(".") if is_package else module.split(".")[:-1]
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *filter(None, [node.module])])


def _prefix(call: ast.Call) -> str | None:
    """Return the prefix that a call names, an empty one where it names none; None: not to be told."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in _PREFIXES]
    if any(keyword.arg is None for keyword in call.keywords):
        return None
    return _text(named[0]) if named else ""


def _takes_get(call: ast.Call) -> bool:
    methods = next((keyword.value for keyword in call.keywords if keyword.arg == "methods"), None)
    return methods is None or any(_text(each) == "GET" for each in getattr(methods, "elts", []))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
