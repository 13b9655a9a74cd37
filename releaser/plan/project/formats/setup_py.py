"""What does setup.py say, as far as its text tells? Read, never run: what it computes, only a build finds out."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from releaser.plan.project.reading import Unreadable, text_of

NAME = "setup.py"


def setup_py_table(folder: Path) -> dict[str, Any] | None:
    """Return what `setup(...)` is called with, in the words of `[project]`; None: there is no such call.

    `name` is empty where it is computed, and `dynamic` says which of the rest are.
    """
    words = _keywords(folder / NAME)
    if words is None:
        return None
    dynamic = [word for key, word in _SAME.items() if key in words and words[key] is None]
    listed = words.get("install_requires")
    points = words.get("entry_points")
    scripts = points.get("console_scripts", ()) if isinstance(points, dict) else ()
    return {
        "name": words["name"] if isinstance(words.get("name"), str) else "",
        "version": words["version"] if isinstance(words.get("version"), str) else "",
        "requires-python": words["python_requires"] if isinstance(words.get("python_requires"), str) else "",
        "dependencies": [text for text in listed if isinstance(text, str)] if isinstance(listed, list | tuple) else [],
        "dynamic": dynamic,
        "scripts": {
            name.strip(): target.strip()
            for name, equals, target in (text.partition("=") for text in scripts if isinstance(text, str))
            if equals
        },
    }


def names_its_packages(folder: Path) -> bool:
    """Tell whether `setup(...)` is told what to pack; otherwise setuptools looks for packages by itself."""
    words = _keywords(folder / NAME) or {}
    return any(word in words for word in ("packages", "py_modules", "package_dir", "ext_modules"))


_SAME = {"name": "name", "version": "version", "install_requires": "dependencies", "python_requires": "requires-python"}


def _keywords(path: Path) -> dict[str, Any] | None:
    """Return the words that `setup` is called with, None for a value that is computed."""
    try:
        tree = ast.parse(text_of(path))
    except (Unreadable, SyntaxError, ValueError, RecursionError):
        return None
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = node.value
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _called(call) == "setup":
            return {word.arg: _value(word.value, constants) for word in call.keywords if word.arg}
    return None


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _value(node: ast.expr, constants: dict[str, ast.expr]) -> Any:
    if isinstance(node, ast.Name) and node.id in constants:
        node = constants[node.id]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
