"""What of a standard library goes into a release."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from releaser.build.interpreter.standard_library import (
    copyleft_of,
    is_extension_kept,
    is_kept,
    kept_files,
    without_prefix,
)


@pytest.mark.parametrize(
    "path",
    ["os.py", "LICENSE.txt", "json/decoder.py", "venv/scripts/common/activate", "unittest/case.py", "contest.py"],
)
def test_what_a_service_can_import_is_kept(path: str) -> None:
    assert is_kept(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    [
        "test/support/__init__.py",
        "sqlite3/test/dbapi.py",
        "json/__pycache__/decoder.cpython-311.pyc",
        "site-packages/pip/__init__.py",
        "dist-packages/x.py",
        "config-3.11-x86_64-linux-gnu/python.o",
        "tkinter/__init__.py",
        "sitecustomize.py",
        "ensurepip/_bundled/pip.whl",
        "libpython3.11.a",
    ],
)
def test_tests_tools_and_what_belongs_to_the_machine_is_left_out(path: str) -> None:
    assert not is_kept(PurePosixPath(path))


def test_a_name_that_is_left_out_at_the_top_is_kept_further_down() -> None:
    assert is_kept(PurePosixPath("package/sitecustomize.py"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("_ssl.cpython-311-x86_64-linux-gnu.so", True),
        ("_xxsubinterpreters.cpython-311-x86_64-linux-gnu.so", True),
        ("math.so", True),
        ("_testcapi.cpython-311-x86_64-linux-gnu.so", False),
        ("_ctypes_test.cpython-311-x86_64-linux-gnu.so", False),
        ("xxlimited.cpython-311-x86_64-linux-gnu.so", False),
        ("_tkinter.cpython-311-x86_64-linux-gnu.so", False),
        ("nis.cpython-311-x86_64-linux-gnu.so", False),
        ("README", False),
    ],
)
def test_extension_modules_are_kept_unless_they_are_for_tests_or_desktops(name: str, kept: bool) -> None:
    assert is_extension_kept(name) == kept


def test_a_library_whose_licence_would_hold_for_the_release_is_named_with_it() -> None:
    assert copyleft_of(("libc.so.6", "libreadline.so.8")) == ("libreadline.so.8", "GPL-3.0")
    assert copyleft_of(("libc.so.6", "libedit.so.2", "libssl.so.3")) is None


def test_links_are_followed_and_broken_ones_left_out(tmp_path: Path) -> None:
    library = tmp_path / "library"
    (library / "json").mkdir(parents=True)
    (library / "json/decoder.py").touch()
    (tmp_path / "elsewhere.py").touch()
    (library / "linked.py").symlink_to(tmp_path / "elsewhere.py")
    (library / "broken.py").symlink_to(tmp_path / "nowhere")

    found = [str(relative) for _, relative in kept_files(library)]

    assert found == ["linked.py", "json/decoder.py"]


def test_the_folder_that_python_was_installed_in_is_replaced_and_longer_names_are_not() -> None:
    text = "{'BINDIR': '/home/ada/py/bin', 'prefix': '/home/ada/py', 'other': '/home/ada/pypy/bin'}"
    assert without_prefix(text, "/home/ada/py") == (
        "{'BINDIR': '/usr/local/bin', 'prefix': '/usr/local', 'other': '/home/ada/pypy/bin'}"
    )


def test_the_prefix_of_the_systems_own_python_says_nothing_and_stays() -> None:
    assert without_prefix("'/usr/bin'", "/usr") == "'/usr/bin'"
