"""What is left out of dependencies, what stays, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.elves import make_elf

from releaser.build.dependencies.strip import strip_bundle, strip_debug_info
from releaser.plan.steps import StripBundle

FILES = {
    "lib/__init__.py": "import os\n",
    "lib/__init__.pyi": "x: int\n",
    "lib/py.typed": "",
    "lib/test/client.py": "a module that an app may use\n",
    "lib/tests/__init__.py": "",
    "lib/tests/test_a.py": "from lib.tests import x\n" * 1000,
    "lib/docs/index.rst": "docs\n",
    "lib/doc/tool.py": "a module\n",
    "lib-1.0.dist-info/licenses/docs/LICENSE": "stays\n",
    "lib-1.0.dist-info/RECORD": "lib/__init__.py,,\nlib/tests/test_a.py,,\nlib-1.0.dist-info/RECORD,,\n",
    "eager/__init__.py": "from eager.tests import run\n",
    "eager/tests/__init__.py": "def run(): ...\n",
    "lazy/__init__.py": "import lazy_loader\n__getattr__ = lazy_loader.attach_stub(__name__, __file__)\n",
    "lazy/__init__.pyi": "from .a import b\n",
    "reader/__init__.py": "",
    "reader/__init__.pyi": "",
    "reader/typeshed/os/path.pyi": "",
    "own/__init__.py": "",
    "own/tests/test_own.py": "",
    "own/__init__.pyi": "",
    "lib-stubs/__init__.pyi": "",
    "share/man/man1/lib.1": "manual\n",
    "six.py": "",
}


class Notes:
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def stripped(folder: Path, **wanted: Any) -> tuple[set[str], list[str]]:
    """Strip a site-packages made of FILES; return what is gone and what was said."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    notes = Notes()
    own = tuple(name for name in FILES if name.startswith("own/"))
    stage: Any = SimpleNamespace(site_packages=folder, project_files=own, report=notes)
    step = StripBundle(**{"tests": False, "docs": False, "type_stubs": False, "keep": (), **wanted})
    strip_bundle(step, stage)
    return {name for name in FILES if not (folder / name).exists()}, notes.told


def test_tests_go_but_for_a_package_that_imports_its_own(tmp_path: Path) -> None:
    gone, told = stripped(tmp_path, tests=True)
    assert gone == {"lib/tests/__init__.py", "lib/tests/test_a.py"}
    assert not (tmp_path / "lib/tests").exists()
    assert told == ["tests left out: 24 kB (lib 24 kB)", "eager keeps its tests: it imports them"]


def test_docs_without_a_module_in_them_go_and_licences_stay(tmp_path: Path) -> None:
    gone, told = stripped(tmp_path, docs=True)
    assert gone == {"lib/docs/index.rst", "share/man/man1/lib.1"}
    assert told == ["docs left out: 1 kB (share 1 kB, lib 1 kB)"]


def test_type_stubs_go_but_for_a_package_that_loads_them(tmp_path: Path) -> None:
    gone, told = stripped(tmp_path, type_stubs=True)
    assert gone == {"lib/__init__.pyi", "lib/py.typed", "lib-stubs/__init__.pyi", "reader/__init__.pyi"}
    assert told[1:] == [
        "lazy keeps its type stubs: it loads them when it runs",
        "reader keeps its type stubs: some are of other packages, in folders without a module",
    ]


def test_what_is_to_be_kept_stays(tmp_path: Path) -> None:
    gone, told = stripped(tmp_path, tests=True, type_stubs=True, keep=("lib/tests", "lib-*", "lib/*.typed"))
    assert gone == {"lib/__init__.pyi", "reader/__init__.pyi"}
    assert told[0] == "no tests of dependencies to leave out"


def test_record_lists_what_is_still_there(tmp_path: Path) -> None:
    stripped(tmp_path, tests=True)
    record = (tmp_path / "lib-1.0.dist-info/RECORD").read_text()
    assert "lib/__init__.py" in record
    assert "test_a" not in record


def test_debug_info_goes_package_by_package_but_for_what_is_to_be_kept_or_was_rewritten(tmp_path: Path) -> None:
    whole, rewritten = make_elf(), make_elf(appended=b"more")
    files = {"lib/a.so": whole, "lib/b/tool": whole, "own.so": whole, "moved/c.so": rewritten, "lib/text": b"text"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    told = strip_debug_info(tmp_path, ("own.so",))
    assert {name for name, content in files.items() if (tmp_path / name).read_bytes() != content} == {
        "lib/a.so",
        "lib/b/tool",
    }
    assert told == (
        "debug info left out: 7 kB (lib 7 kB)",
        "moved keeps its debug info: files rewritten after linking, as by patchelf",
    )
    assert strip_debug_info(tmp_path, ("own.so", "moved")) == ("no debug info of dependencies to leave out",)
