"""Prints as JSON what the Python of a release can do: `ask_python.py FOLDER`, run by `eval --file`.

Each answer is a value, or the error in its place. FOLDER is empty, and may be written to.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import ctypes
import ctypes.util
import curses
import dbm
import importlib.util
import json
import locale
import multiprocessing
import os
import pwd
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

LEFT_OUT = (
    *("tkinter", "_tkinter", "idlelib", "turtle", "turtledemo", "test", "_testcapi", "ensurepip", "lib2to3"),
    *("pip", "setuptools", "sitecustomize", "usercustomize"),
)


def square(number: int) -> int:
    return number * number


def pool(method: str) -> list[int]:
    with multiprocessing.get_context(method).Pool(2) as workers:
        return workers.map(square, [2, 3])


def executor() -> list[int]:
    with concurrent.futures.ProcessPoolExecutor(1) as workers:
        return list(workers.map(square, [4]))


def child(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], input="[1]", capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def paths_elsewhere() -> str:
    """Return what of a child's `sys.path` is not of the release."""
    root = os.environ["RELEASE_ROOT"]
    return child("-c", f"import sys; print([path for path in sys.path if path and not path.startswith({root!r})])")


async def from_asyncio() -> str:
    words = (sys.executable, "-c", "print('by asyncio')")
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode().strip()


def environment(folder: str) -> list[str]:
    """Make a virtual environment of this Python and ask its interpreter."""
    made = child("-m", "venv", "--without-pip", f"{folder}/made")
    code = "import ssl, sys, sysconfig; print(sys.prefix)"
    program = f"{folder}/made/bin/python"
    return [made, subprocess.run([program, "-c", code], capture_output=True, text=True, check=False).stdout.strip()]


def database(folder: str) -> str:
    with dbm.open(f"{folder}/numbers", "c") as numbers:
        numbers["one"] = "1"
    with dbm.open(f"{folder}/numbers") as numbers:
        return numbers["one"].decode()


def full_text_search() -> list[tuple[str]]:
    connection = sqlite3.connect(":memory:")
    connection.execute("create virtual table notes using fts5(text)")
    connection.execute("insert into notes values ('a release with its Python')")
    return connection.execute("select text from notes where notes match 'python'").fetchall()


def colours() -> int:
    curses.setupterm(term="xterm", fd=1)
    return curses.tigetnum("colors")


def libraries() -> str:
    ctypes.util.find_library("c")  # None where neither ldconfig nor a compiler is; it has to return
    return ctypes.CDLL(None).getpid() == os.getpid() and ctypes.CDLL("libc.so.6").getpid() == os.getpid()


def archives() -> list[str]:
    found = (name for _, _, names in os.walk(sys.base_prefix) for name in names)
    return [name for name in found if name.endswith((".a", ".o", ".exe", ".whl"))]


QUESTIONS: dict[str, Callable[[str], object]] = {
    "a pool by spawn": lambda folder: pool("spawn"),
    "a pool by forkserver": lambda folder: pool("forkserver"),
    "an executor of processes": lambda folder: executor(),
    "a module in a child": lambda folder: child("-m", "json.tool", "--compact"),
    "the bundle in a child": lambda folder: child("-c", "import guestbook; print(guestbook.__name__)"),
    "paths elsewhere": lambda folder: paths_elsewhere(),
    "a child of asyncio": lambda folder: asyncio.run(from_asyncio()),
    "a virtual environment": environment,
    "C libraries": lambda folder: libraries(),
    "full-text search": lambda folder: full_text_search(),
    "a terminal's colours": lambda folder: colours(),
    "dbm": database,
    "a user's home": lambda folder: [pwd.getpwnam("ada").pw_uid, str(Path("~ada").expanduser())],
    "a host of /etc/hosts": lambda folder: socket.gethostbyname("near.example"),
    "a host by DNS": lambda folder: socket.gethostbyname("far.example"),
    "a service": lambda folder: socket.getservbyname("gopher"),
    "encodings": lambda folder: [
        sys.getfilesystemencoding(),
        sys.stdout.encoding,
        "ä".encode("cp1252").hex(),
        "あ".encode("shift_jis").hex(),
        "bücher.example".encode("idna").decode(),
    ],
    "the locale of its environment": lambda folder: locale.setlocale(locale.LC_ALL, ""),
    "a unique number": lambda folder: uuid.uuid1().version,
    "left out": lambda folder: [name for name in LEFT_OUT if importlib.util.find_spec(name)],
    "archives": lambda folder: archives(),
}


def main(folder: str) -> None:
    answers: dict[str, object] = {}
    for question, answer in QUESTIONS.items():
        try:
            answers[question] = answer(folder)
        except Exception as error:
            answers[question] = f"{type(error).__name__}: {error}"
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
