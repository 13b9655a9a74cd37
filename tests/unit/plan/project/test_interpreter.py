"""Which Python is a release built for? Told by what is on the machine, and by what the project's files say."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pythons import hide_pythons, put_python

from releaser.plan.facts import Interpreter
from releaser.plan.project.interpreter import Chosen, choose_interpreter, is_version

OWN = Interpreter(
    path=Path("/opt/own/bin/python3"),
    version="3.12",
    full_version="3.12.1",
    implementation="cpython",
    platform="linux-x86_64",
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python but that which runs this."""
    hide_pythons(tmp_path, monkeypatch)
    return tmp_path


def chosen(version: str = "", versions: str = "", *, is_told: bool = False) -> Chosen:
    return choose_interpreter(OWN, version, versions, is_told=is_told)


def path_of(found: Chosen) -> Path | None:
    return found.interpreter.path if found.interpreter else None


@pytest.mark.parametrize(
    ("version", "versions"), [("", ""), ("3.12", ""), ("3.12.1", ">=3.11"), ("", ">=3.12,<3.13"), ("3.12", "nonsense")]
)
def test_the_one_that_runs_the_build_is_taken_where_it_is_what_the_project_means(
    machine: Path, version: str, versions: str
) -> None:
    put_python(machine / "path/python3.13", "3.13.5")

    assert chosen(version, versions) == Chosen(interpreter=OWN)


@pytest.mark.parametrize(
    "place", ["path/python3.13", "path/python3", "pyenv/versions/3.13.2/bin/python3", "uv/cpython-3.13.2-x/bin/python3"]
)
def test_another_one_is_found_on_path_among_pyenvs_and_among_uvs(machine: Path, place: str) -> None:
    program = put_python(machine / place, "3.13.2")

    assert path_of(chosen("3.13")) == program
    assert path_of(chosen("", ">=3.13")) == program


def test_a_shim_that_runs_nothing_does_not_hide_the_one_behind_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = put_python(machine / "shims/python3.13", "3.13.0")
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    program = put_python(machine / "path/python3.13", "3.13.2")
    monkeypatch.setenv("PATH", f"{machine / 'shims'}:{machine / 'path'}")

    assert path_of(chosen("3.13")) == program


def test_the_very_patch_comes_first_and_another_one_of_the_same_version_after_it(machine: Path) -> None:
    put_python(machine / "path/python3.13", "3.13.1")
    exact = put_python(machine / "pyenv/versions/3.13.2/bin/python3", "3.13.2")

    assert path_of(chosen("3.13.2")) == exact
    assert path_of(chosen("3.13.9")) == machine / "path/python3.13"


def test_the_newest_within_the_range_is_taken(machine: Path) -> None:
    put_python(machine / "pyenv/versions/3.11.2/bin/python3", "3.11.2")
    older = put_python(machine / "pyenv/versions/3.11.10/bin/python3", "3.11.10")

    assert path_of(chosen("", "<3.12")) == older


def test_what_is_on_no_path_is_missing_by_its_name(machine: Path) -> None:
    assert chosen("3.13.2") == Chosen(interpreter=None, missing="3.13.2")
    assert chosen("", ">=3.13") == Chosen(interpreter=None, missing="3.13"), "the oldest that is in the range"


def test_one_that_the_range_does_not_allow_or_no_release_runs_on_is_passed_over_unless_the_author_named_it(
    machine: Path,
) -> None:
    assert chosen("3.9.1") == Chosen(interpreter=OWN, passed_over="3.9.1")
    assert chosen("3.11", ">=3.12") == Chosen(interpreter=OWN, passed_over="3.11")
    assert chosen("3.9", is_told=True) == Chosen(interpreter=None, missing="3.9")


def test_a_version_is_told_from_a_folder() -> None:
    assert [is_version(text) for text in ("3.13", "3.13.2", "/opt/python3.13", "python", "3")] == [
        *(True, True),
        *(False, False, False),
    ]
