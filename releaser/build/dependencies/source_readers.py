"""`include_src = false`: which modules of the project ask for source text that the release will not have?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_READERS = {
    "getsource": "inspect.getsource",
    "getsourcelines": "inspect.getsourcelines",
    "getsourcefile": "inspect.getsourcefile",
    "getcomments": "inspect.getcomments",
    "get_source": "a loader's get_source",
    "use_attribute_docstrings": "pydantic's use_attribute_docstrings",
}
_FILE_READERS = frozenset({"open", "read_text", "read_bytes", "run_path", "getline", "getlines"})
"""Functions and methods that read a file, if that is the module's own."""
_OWN_FILE = "reading the module's own file"


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
            case ast.Attribute(value=ast.Name(id="jit") | ast.Attribute(attr="jit"), attr="script"):
                yield node.lineno, "torch.jit.script"
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _FILE_READERS:
                if _is_own_file(node):
                    yield node.lineno, _OWN_FILE
            case ast.keyword(arg=str(name)) if name in _READERS:
                yield node.value.lineno, _READERS[name]
            case ast.Constant(value=str(name)) if name == "use_attribute_docstrings":
                yield node.lineno, _READERS[name]


def _is_own_file(call: ast.Call) -> bool:
    """Tell whether what a call reads is `__file__`: `open(__file__)`, `Path(__file__).read_text()`."""
    match call:
        case ast.Call(args=[ast.Name(id="__file__"), *_]):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Call(args=[ast.Name(id="__file__")]))):
            return True
        case _:
            return False
