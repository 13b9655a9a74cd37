"""Which names a module has, as far as its source says it for certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.build.bundle.attributes import known_names, names_of, source_of

BINDINGS = """\
import os, os.path as p
import a.b
from x import y, z as w
CONSTANT: int = 1
first, (second, *rest) = 1, (2, 3)
annotated: int
def function(parameter): local = 1
async def coroutine(): pass
class Class:
    attribute = 1
try:
    import tomllib
except ImportError as error:
    tomllib = None
for number in range(3):
    with open("x") as file:
        deep = 1
if (walrus := 1):
    pass
match first:
    case {"k": value, **others}: pass
    case [*starred]: pass
    case 1 as one: pass
def late():
    global made_later
    made_later = 1
"""


def test_every_way_to_bind_a_name_counts() -> None:
    names = names_of(BINDINGS)
    assert names is not None
    wanted = (
        "os p a y w CONSTANT first second rest annotated function coroutine Class tomllib error number file deep",
        "walrus value others starred one late made_later",
    )
    assert names >= {name for line in wanted for name in line.split()}
    assert not names & {"x", "z", "b", "parameter", "local", "attribute"}


@pytest.mark.parametrize(
    "text",
    [
        "from x import *",
        "def __getattr__(name): ...",
        "globals()['main'] = 1",
        "import sys\nsys.modules[__name__] = 1",
        "setattr(m, 'main', 1)",
        "exec('main = 1')",
        "def broken(:",
    ],
)
def test_what_can_have_other_names_is_not_judged(text: str) -> None:
    assert names_of(text) is None


def test_the_first_root_that_has_the_module_counts(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for root, text in ((one, "first = 1"), (two, "second = 1")):
        (root / "shop").mkdir(parents=True)
        (root / "shop/__init__.py").write_text("")
        (root / "shop/app.py").write_text(text)
    assert known_names("shop.app", (one, two)) == {"first"}
    (one / "shop/app.abi3.so").touch()
    assert known_names("shop.app", (one, two)) is None
    assert known_names("shop.other", (one, two)) is None
    assert known_names("shop", (two, one)) == {"app", "__init__", "__path__"}


def test_a_namespace_package_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "space").mkdir()
    assert source_of("space", (tmp_path,)) is None
