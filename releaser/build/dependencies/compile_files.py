"""Compiles modules to byte code that is valid without a look at their sources: `python compile_files.py REQUEST`, JSON.

Run by path with the Python that will read the byte code, in processes that share the files out among them. It does what
`compileall --invalidation-mode unchecked-hash` does, in four fifths of its time. Standard library only. It imports the
same whatever it is asked for, or the bytes would differ (see `bytecode`).

    folder      below it lie the files                         levels     levels of optimization, 0 to 2
    prefix      what takes its place in the recorded path      beside     name.pyc beside the source, no __pycache__
    files       paths below it; null: every *.py               processes  how many
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import _bootstrap_external
from importlib.util import source_hash

FAILED = 1
"""Exit code when a module does not compile; each is told as `! path`, and then why."""
MARK = "! "


def compile_module(folder: str, name: str, prefix: str, levels: list[int], beside: bool) -> None:
    """Compile the module `name`, a path below `folder`.

    Raises:
        Exception: whatever the compiler has against it, SyntaxError most often.
    """
    path = os.path.join(folder, name)  # noqa: PTH118
    with open(path, "rb") as file:  # noqa: PTH123
        source = file.read()
    for level in levels:
        code = compile(source, f"{prefix}/{name}", "exec", dont_inherit=True, optimize=level)
        content = _bootstrap_external._code_to_hash_pyc(code, source_hash(source), False)  # type: ignore[attr-defined]
        target = f"{path}c" if beside else _cached(path, level)
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(content)


def names_of(folder: str) -> list[str]:
    """Return the path of each module below `folder`, relative to it."""
    skipped = len(folder) + 1
    return [f"{at}/{name}"[skipped:] for at, _, names in os.walk(folder) for name in names if name.endswith(".py")]


def told(error: Exception) -> str:
    """Return what the compiler has against a module, as it prints it."""
    return "".join(traceback.format_exception_only(type(error), error)).rstrip()


def main(request: str) -> int:
    """Compile what is asked for and return an exit code."""
    wanted = json.loads(request)
    folder = wanted["folder"]
    if wanted["files"] is None:
        names = names_of(folder)
    else:
        with open(wanted["files"], encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
            names = file.read().split("\0")[:-1]
    names.sort(key=lambda name: (-os.lstat(os.path.join(folder, name)).st_size, name))  # noqa: PTH118
    count = max(1, min(wanted["processes"], len(names)))
    shares = [names[number::count] for number in range(count)]
    children = [_start(share, wanted) for share in shares[1:]]
    codes = [_compile(shares[0], wanted)]
    codes += [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return next((code for code in codes if code < 0), max(codes))


def _start(names: list[str], wanted: dict[str, object]) -> int:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = _compile(names, wanted)
        finally:
            os._exit(code)
    return child


def _compile(names: list[str], wanted: dict[str, object]) -> int:
    code = 0
    for name in names:
        try:
            compile_module(wanted["folder"], name, wanted["prefix"], wanted["levels"], wanted["beside"])  # type: ignore[arg-type]
        except Exception as error:
            code = FAILED
            # In one piece: other processes write to the same pipe.
            text = f"{MARK}{name}\n{told(error)}\n".encode("utf-8", "surrogateescape")
            os.write(1, text)
    return code


def _cached(path: str, level: int) -> str:
    folder, _, name = path.rpartition("/")
    optimization = f".opt-{level}" if level else ""
    return f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}{optimization}.pyc"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
