"""Has a project's build backend build a wheel: `python build_backend.py '["backend", ["path"], "folder"]'`, PEP 517.

Run by path in the environment of `[build-system]`, from the project's folder; standard library only.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

ASKS_FOR_MORE = 75
"""Exit code when the backend needs more than `[build-system]` says; nothing was built."""


def main(request: str) -> int:
    """Build the wheel and return an exit code."""
    backend, paths, into = json.loads(request)
    sys.path[:1] = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - in the place of this file's folder
    module, _, inner = backend.partition(":")
    target = importlib.import_module(module)
    for name in filter(None, inner.split(".")):
        target = getattr(target, name)
    asks = getattr(target, "get_requires_for_build_wheel", None)
    if asks is not None and asks({}):
        return ASKS_FOR_MORE
    target.build_wheel(into, {})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
