"""Which flags of the interpreter may an author give the app? `python_args`, the words of `python3 FLAGS`.

Read as the interpreter reads them (`python3 --help`), so that a word which it would ignore, or which takes the place
of the app, is told before anything is built. What every release runs with already is refused as well: it would do
nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item, Refused, nearest_hint, quoted
from releaser.config.kinds import Kind, ListOf, Setting, Text
from releaser.config.text.checks import any_text

ALONE = ("-b", "-bb", "-d", "-q", "-u", "-v", "-vv")
"""Flags without a value."""
X_OPTIONS = {
    "dev": "3.11",
    "faulthandler": "3.11",
    "frozen_modules": "3.11",
    "importtime": "3.11",
    "int_max_str_digits": "3.11",
    "no_debug_ranges": "3.11",
    "tracemalloc": "3.11",
    "warn_default_encoding": "3.11",
    "perf": "3.12",
    "cpu_count": "3.13",
    "perf_jit": "3.13",
}
"""Names that `-X` takes, and the first Python that knows them; any other name is ignored without a word."""
ACTIONS = ("default", "error", "ignore", "always", "module", "once")
"""Actions that a filter of `-W` may begin with; Python takes their beginnings too, `-W e`."""
_ELSEWHERE = {
    "-O": "python_optimize = 1 starts the app with -O, and compiles its byte code to match",
    "-OO": "python_optimize = 2 starts the app with -OO, and compiles its byte code to match",
    "-c": "'entry_point' or 'command' says what runs",
    "-m": '\'command\' takes ["python", "-m", "module"]',
    "-i": "`bin/NAME console` and `remote_console` are interactive",
    "-B": "a release never writes byte code, dev_mode apart",
    "-E": "variables that say what is imported are never read: PYTHONPATH, PYTHONHOME",
    "-I": "a release always runs isolated",
    "-P": "a release always runs isolated",
    "-S": "a release never imports site",
    "-s": "a release never reads the user's site-packages",
}
_WORDS = ListOf(element=Text(wanted="a flag such as '-X'", check=any_text), wanted="an array of flags")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonArgs(Kind):
    """An array of the interpreter's flags."""

    wanted: str = "an array of flags such as ['-X', 'dev']"

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, list):
            item.expected(self.wanted)
        setting = _WORDS.read(item)
        elements = deque(item.elements())
        is_wrong = False
        while elements:
            try:
                _take_flag(elements)
            except Refused:
                is_wrong = True
        if is_wrong:
            raise Refused
        return setting

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string"}}


def needed_version(words: tuple[str, ...]) -> tuple[str, str]:
    """Return the newest Python that one of the flags needs, as `3.12`, and that flag's name; empty without one."""
    names = [word.removeprefix("-X").partition("=")[0] for word in words]
    known = [(X_OPTIONS[name], name) for name in names if name in X_OPTIONS]
    return max(known, key=lambda pair: int(pair[0].partition(".")[2]), default=("", ""))


def _take_flag(elements: deque[Item]) -> None:
    """Check the first flag and take it, with its value, off the list."""
    item = elements.popleft()
    word: str = item.data
    if word in ALONE:
        return
    for flag, check in (("-X", _check_x), ("-W", _check_w)):
        if word == flag:
            if not elements:
                item.refuse(f"'{flag}' needs a word behind it")
            value = elements.popleft()
            check(value, value.data)
            return
        if word.startswith(flag):
            check(item, word.removeprefix(flag))
            return
    hint = _ELSEWHERE.get(word, "")
    if hint:
        item.refuse(f"'{word}' cannot stand here", hint)
    item.refuse(f"unknown flag {quoted(word)}", f"known here: {', '.join((*ALONE, '-X', '-W'))}")


def _check_x(item: Item, text: str) -> None:
    name = text.partition("=")[0]
    if name == "utf8":
        item.refuse("every release runs with -X utf8", "leave it out")
    if name not in X_OPTIONS:
        item.refuse(f"unknown option of -X: {quoted(name)}", nearest_hint(item, name, X_OPTIONS))


def _check_w(item: Item, text: str) -> None:
    action = text.partition(":")[0]
    if not action or not any(known.startswith(action) for known in (*ACTIONS, "all")):
        hint = nearest_hint(item, action, ACTIONS)
        item.refuse(f"expected a filter that begins with an action, found {quoted(text)}", hint)
    if text.count(":") > 4:
        item.refuse(f"a filter has at most five parts, this one has {text.count(':') + 1}")
