"""`include_src = false`: which modules of the project ask for source text that the release will not have?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_READERS = {
    "getsource": "inspect.getsource",
    "getsourcelines": "inspect.getsourcelines",
    "getsourcefile": "inspect.getsourcefile",
    "use_attribute_docstrings": "pydantic's use_attribute_docstrings",
}


def source_readers(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each thing in a module that finds nothing without sources.

    What does not parse has none: the compiler tells about it.
    """
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _READERS:
                yield node.lineno, _READERS[name]
            case ast.keyword(arg=str(name)) if name in _READERS:
                yield node.value.lineno, _READERS[name]
            case ast.Constant(value=str(name)) if name == "use_attribute_docstrings":
                yield node.lineno, _READERS[name]
