"""What becomes this process: a custom command, or with `run` a program of the bundle, arguments untouched.

It is executed in place: the terminal, signals and the exit code are the program's own. It is configured as the app is,
with the contract's variables beside that.
"""

from __future__ import annotations

import errno
import os
import signal

from ..bundle import configuration, launch, python_variables, tree
from ..bundle.activation import ensure
from ..bundle.unpacked import program
from ..release.failures import USAGE, Failure
from ..release.files import why_not_executed
from ..release.variables import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from ..release.context import Context

_PYTHONS = ("python", "python3")
_IN_PYTHON = (b"#!/bin/sh\n'''exec' ", b"#!/usr/bin/env python", b"#!/usr/bin/python")
"""How a script begins that Python reads; of the bundle's programs each finds the interpreter beside itself."""
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def run(context: Context, name: str, args: list[str]) -> int:
    """Become the custom command `name`; its exit code is ours.

    Raises:
        Failure: it cannot be executed, its environment is not complete, or there is no folder to work in.
    """
    command = next(item for item in context.manifest.commands if item.name == name)
    environ = configuration.complete(context, name)
    if command.words:
        words = [environment.setting(f"commands.{name}", word, environ) for word in command.words]
        _become_program(context, [*words, *args], environ)
    if context.manifest.bundle.tree:
        ensure(context)  # the folder that it works in is a part of the bundle
    tree.enter(context, environ)
    path = os.path.join(context.layout.release, command.path)
    _execute(f"the command {name}", path, [path, *args], environ)


def run_program(context: Context, args: list[str]) -> int:
    """Become `PROGRAM [ARGS]`, in the working folder of the app.

    PROGRAM is one of the bundle's, or `python`, or a script of Python by its path, which has a `/` or ends in `.py`.

    Raises:
        Failure: there is no such program, or the environment is not complete.
    """
    if not args or args[0].startswith("-"):
        found = f", found '{args[0]}'" if args else ""
        raise Failure(f"expected `{context.name} run PROGRAM [ARGS]`{found}", USAGE, now="nothing was done")
    _become_program(context, args, configuration.complete(context, "run"))


def _become_program(context: Context, words: list[str], environ: Mapping[str, str]) -> NoReturn:
    ensure(context)
    name, args = words[0], words[1:]
    is_edited = bool(context.manifest.bundle.source_paths)
    variables = python_variables.for_app(environ, may_write_byte_code=is_edited)
    python = [program(context, "python"), *launch.flags_of_children(context)]
    folder = tree.working_folder(context, environ)
    path = os.path.join(folder, name) if "/" in name or name.endswith(".py") else program(context, name)
    if name in _PYTHONS:
        path, whole = python[0], [*python, *args]
    elif name.endswith(".py") or _is_in_python(path):
        whole = [*python, path, *args]
        path = python[0] if os.path.isfile(path) else path
    else:
        whole = [path, *args]
    if "/" not in path or not os.path.isfile(path):
        raise _no_program(context, name, path)
    tree.enter(context, environ)
    _execute(f"the program {name}", path, whole, variables)


def _is_in_python(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(64).startswith(_IN_PYTHON)
    except OSError:
        return False


def _no_program(context: Context, name: str, path: str) -> Failure:
    import difflib

    if "/" in path:
        return Failure(f"there is no file {path}", USAGE, now="nothing was done")
    folder = os.path.dirname(program(context, "python"))
    known = sorted(each for each in os.listdir(folder) if not each.startswith("."))
    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(each for each in known if each not in _PYTHONS) or "none"
    hint = f"did you mean '{near[0]}'?" if near else f"it has python, and {listed}"
    return Failure(f"the bundle has no program '{name}'", USAGE, now="nothing was done", hint=hint)


def _execute(what: str, path: str, words: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Be `path` from now on, as if the caller had executed it: what Python ignores would stay ignored (execve(2))."""
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execve(path, words, dict(environ))
    except OSError as error:
        # A file without a `#!` line is for sh, as execvp(3) has it.
        if error.errno == errno.ENOEXEC:
            os.execve("/bin/sh", ["sh", path, *words[1:]], dict(environ))
        raise Failure(f"{what} cannot be executed: {why_not_executed(path, error)}") from error
