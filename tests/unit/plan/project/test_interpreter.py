"""Which Python a release is built for: the project's, of those that are on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from releaser.plan.facts import Interpreter
from releaser.plan.project.interpreter import choose_interpreter, is_version, this_interpreter

Install = Callable[[str, str], Path]


@pytest.fixture
def own() -> Interpreter:
    return replace(this_interpreter(), path=Path("/opt/own"), version="3.12", full_version="3.12.4")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes what passes for a Python in a folder of this machine, which has no other."""
    for name, folder in (("PYENV_ROOT", "pyenv"), ("UV_PYTHON_INSTALL_DIR", "uv")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("PATH", f"{tmp_path}/path")

    def install(place: str, version: str) -> Path:
        program = tmp_path / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\necho \'["{program}", "{version}", "cpython", "linux-x86_64"]\'\n')
        program.chmod(0o755)
        return program

    return install


def chosen(own: Interpreter, version: str = "", versions: str = "", *, is_told: bool = False) -> tuple[str, str, str]:
    found = choose_interpreter(own, version, versions, is_told=is_told)
    return found.interpreter.full_version if found.interpreter else "", found.missing, found.passed_over


def test_the_python_that_runs_the_build_is_taken_where_it_fits(own: Interpreter, install: Install) -> None:
    install("path/python3.13", "3.13.1")
    for version, versions in (("", ""), ("3.12", ""), ("3.12.4", ">=3.11"), ("", ">=3.11,<3.13")):
        assert chosen(own, version, versions) == ("3.12.4", "", "")


def test_another_is_found_on_path_of_pyenv_and_of_uv(own: Interpreter, install: Install) -> None:
    install("pyenv/versions/3.11.9/bin/python3", "3.11.9")
    install("pyenv/versions/3.11.10/bin/python3", "3.11.10")
    install("uv/cpython-3.13.2-linux/bin/python3", "3.13.2")
    assert chosen(own, "3.11") == ("3.11.10", "", "")
    assert chosen(own, "3.11.9") == ("3.11.9", "", "")
    assert chosen(own, "", "<3.12") == ("3.11.10", "", "")
    assert chosen(own, "3.13") == ("3.13.2", "", "")
    install("path/python3.13", "3.13.5")
    assert chosen(own, "3.13") == ("3.13.5", "", "")


def test_a_patch_that_is_nowhere_is_another_of_the_same_minor_version(own: Interpreter, install: Install) -> None:
    install("path/python3.11", "3.11.2")
    assert chosen(own, "3.11.9") == ("3.11.2", "", "")
    assert chosen(own, "3.12.9") == ("3.12.4", "", "")


def test_what_is_nowhere_is_named(own: Interpreter, install: Install) -> None:
    assert chosen(own, "3.13") == ("", "3.13", "")
    assert chosen(own, "", ">=3.13") == ("", "3.13", ""), "the oldest in the range: what its author surely had"


def test_a_shim_that_runs_nothing_does_not_hide_the_one_behind_it(
    own: Interpreter, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = install("shims/python3.13", "3.13.0")
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    program = install("path/python3.13", "3.13.2")
    monkeypatch.setenv("PATH", f"{shim.parent}:{program.parent}")
    assert chosen(own, "3.13") == ("3.13.2", "", "")


def test_a_file_that_names_an_old_python_is_passed_over_and_the_author_is_not(
    own: Interpreter, install: Install
) -> None:
    assert chosen(own, "3.8.10") == ("3.12.4", "", "3.8.10")
    assert chosen(own, "3.11", ">=3.12") == ("3.12.4", "", "3.11")
    assert chosen(own, "3.8.10", is_told=True) == ("", "3.8.10", "")


def test_a_range_that_no_release_runs_in_is_left_to_be_refused(own: Interpreter, install: Install) -> None:
    assert chosen(own, "", ">=4") == ("3.12.4", "", "")


def test_a_version_is_told_from_a_folder() -> None:
    assert [is_version(text) for text in ("3.13", "3.13.2", "./3.13", "/usr", "3")] == [True, True, False, False, False]
