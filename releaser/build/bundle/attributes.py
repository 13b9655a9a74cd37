"""Does a module have this name? Told from its source, without importing it, and only where that is certain."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

_OPEN_DOORS = frozenset({"globals", "locals", "vars", "exec", "eval", "setattr", "__dict__", "__getattr__", "modules"})
"""Names with which a module can get others that its source does not show."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def names_of(source: str) -> frozenset[str] | None:
    """Return the names that a module of this source may have once it is imported; None: it may have others."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=aliases) if any(alias.name == "*" for alias in aliases):
                return None
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _OPEN_DOORS:
                return None
            case ast.FunctionDef(name="__getattr__"):
                return None
            case ast.Global(names=declared):
                names.update(declared)
            case _:
                pass
    names.update(name for statement in tree.body for name in _bound(statement))
    return frozenset(names)


def source_of(module: str, roots: tuple[Path, ...]) -> Path | None:
    """Return the source that importing `module` reads, of the first of `roots` that has it; None: that is not certain.

    A name of a package may be that of a module inside, so that a package is certain only without one of that name.
    """
    path = Path(*module.split("."))
    for root in roots:
        package = root / path / "__init__.py"
        if package.is_file():
            return package
        others = [found for found in (root / path).parent.glob(f"{path.name}.*") if found.suffix != ".py"]
        if others or (root / path).is_dir():
            return None
        if (root / path).with_suffix(".py").is_file():
            return (root / path).with_suffix(".py")
    return None


def known_names(module: str, roots: tuple[Path, ...]) -> frozenset[str] | None:
    """Return the names that `module` may have, those of modules inside included; None: that is not certain."""
    source = source_of(module, roots)
    if source is None:
        return None
    names = names_of(source.read_bytes().decode("utf-8", "replace"))
    if names is None or source.name != "__init__.py":
        return names
    inside = {path.name.partition(".")[0] for path in source.parent.iterdir()}
    return names | inside | {"__path__"}


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield each name that `node`, a statement of a module's own scope, may bind."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass
    if not isinstance(node, _SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)
