"""Command lines of the installers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from releaser.build.tools.along_the_way import variables
from releaser.build.tools.commands import Program, without_urls
from releaser.build.tools.installers import (
    Installer,
    build_wheel,
    choose_installer,
    export_lock,
    install_locked,
    install_wheels,
    resolve,
)

PROJECT = Path("/home/ada/shop")
UV = Installer(kind="uv", program=("/opt/uv",), python=Path("/opt/python3"), is_own_python=False)
PIP = Installer(kind="pip", program=("/venv/python", "-m", "pip"), python=Path("/venv/python"), is_own_python=True)


def no_uv() -> str:
    raise FileNotFoundError("no binary in the wheel")


def words(program: Program) -> str:
    assert program.folder == PROJECT
    return " ".join(program.argv)


def test_uv_enforces_hashes_and_installs_nothing_else() -> None:
    assert words(install_locked(UV, PROJECT, Path("/p/requirements.txt"), Path("/s/site-packages"))) == (
        "/opt/uv pip install --python /opt/python3 --target /s/site-packages --link-mode copy --no-progress"
        " --no-deps --require-hashes -r /p/requirements.txt"
    )


def test_uv_takes_a_pylock_as_it_is() -> None:
    line = words(install_locked(UV, PROJECT, Path("/p/pylock.toml"), Path("/s")))
    assert line.endswith("--no-progress -r /p/pylock.toml")


def test_pip_enforces_hashes_and_installs_nothing_else() -> None:
    assert words(install_locked(PIP, PROJECT, Path("/p/requirements.txt"), Path("/s"))) == (
        "/venv/python -m pip install --disable-pip-version-check --no-input --target /s --no-compile"
        " --no-warn-script-location --upgrade --no-deps --require-hashes -r /p/requirements.txt"
    )


def test_pip_is_told_of_another_python() -> None:
    other = Installer(kind="pip", program=PIP.program, python=Path("/opt/python3"), is_own_python=False)
    assert "-m pip --python /opt/python3 install" in words(
        install_wheels(other, PROJECT, (Path("/w.whl"),), Path("/s"))
    )


def test_a_wheel_is_installed_without_its_dependencies() -> None:
    for installer in (UV, PIP):
        program = install_wheels(installer, PROJECT, (Path("/s/w-1.whl"),), Path("/s"))
        assert words(program).endswith("--no-deps w @ file:///s/w-1.whl")


def test_a_wheel_is_found_whatever_its_folder_is_called() -> None:
    wheel = Path("/s/a #1 ; ${HOME}\n/my_shop-1.whl")
    for installer in (UV, PIP):
        assert install_wheels(installer, PROJECT, (wheel,), Path("/s")).argv[-1] == (
            "my_shop @ file:///s/a%20%231%20%3B%20%24%7BHOME%7D%0A/my_shop-1.whl"
        )


FILES = (PROJECT / "pyproject.toml", PROJECT / "requirements/prod.txt")


def test_what_is_resolved_without_a_lock_has_its_hashes_where_there_are_some() -> None:
    line = words(resolve(UV, PROJECT, Path("w.whl"), Path("/s/r.txt"), FILES[:1], ("a",), ("b",)))
    assert line.endswith("--generate-hashes --extra a --group b -o /s/r.txt pyproject.toml")
    assert "--require-hashes" not in words(install_locked(UV, PROJECT, Path("/s/r.txt"), Path("/s"), False))
    assert words(resolve(PIP, PROJECT, Path("w.whl"), Path("/s/r"), FILES[:1])).endswith("--report /s/r w.whl")


def test_requirements_files_are_resolved_with_the_indexes_that_they_name() -> None:
    line = words(resolve(UV, PROJECT, Path("w.whl"), Path("/s/r.txt"), FILES))
    assert line.endswith("--emit-index-url --emit-find-links -o /s/r.txt pyproject.toml requirements/prod.txt")
    of_pip = words(resolve(PIP, PROJECT, Path("w.whl"), Path("/s/r"), FILES))
    assert of_pip.endswith(f"w.whl -r {PROJECT}/requirements/prod.txt")
    lock = resolve(UV, PROJECT, Path(), Path("/s/pylock.toml"), FILES[1:], is_universal=True)
    assert words(lock).endswith("--generate-hashes --universal -o /s/pylock.toml requirements/prod.txt")


def test_the_project_is_built_in_isolation_from_its_own_folder() -> None:
    assert words(build_wheel(UV, PROJECT, Path("/s/wheels"))) == (
        "/opt/uv build --wheel --no-create-gitignore --python /opt/python3 -o /s/wheels ."
    )
    assert "wheel --disable-pip-version-check --no-input --no-deps -w /s/wheels ." in words(
        build_wheel(PIP, PROJECT, Path("/s/wheels"))
    )
    for installer in (UV, PIP):
        assert build_wheel(installer, PROJECT, Path("/s/wheels")).env == variables(Path("/s/wheels"))


def test_a_uv_lock_is_exported_with_extras_and_groups() -> None:
    line = words(export_lock(UV, PROJECT, Path("/r"), ("a",), ("b",)))
    assert line.startswith("/opt/uv export --frozen --no-emit-project --no-default-groups --no-editable ")
    assert line.endswith(" --extra a --group b -o /r")


def test_an_index_of_the_lock_is_named_by_variables_which_no_command_line_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_INDEX", "other=https://other.example/simple")
    monkeypatch.setenv("POETRY_HTTP_BASIC_IN_NER_USERNAME", "ada")
    index = "in-ner=https://ada:hunter2@packages.example/simple"
    program = install_locked(UV, PROJECT, Path("/r.txt"), Path("/s"), index=index)
    assert "packages.example" not in words(program)
    assert program.env == {
        "UV_INDEX": f"{index} other=https://other.example/simple",
        "UV_INDEX_IN_NER_USERNAME": "ada",
    }
    of_pip = install_locked(PIP, PROJECT, Path("/r.txt"), Path("/s"), index=index)
    assert of_pip.env == {"PIP_INDEX_URL": "https://ada:hunter2@packages.example/simple"}


def test_what_pdm_and_pipenv_locked_comes_from_whichever_index_has_it_by_its_hash() -> None:
    into = Path("/s/site-packages")
    of_all = "--index-strategy unsafe-best-match"
    assert of_all in words(install_locked(UV, PROJECT, Path("/r.txt"), into, is_from_any=True))
    assert of_all not in words(install_locked(UV, PROJECT, Path("/r.txt"), into))
    assert of_all in words(install_locked(UV, PROJECT, Path("/r.txt"), into, is_hashed=False, is_from_any=True))
    assert of_all not in words(install_locked(UV, PROJECT, Path("/r.txt"), into, is_from_any=True, index="a=https://b"))
    assert of_all not in words(install_locked(PIP, PROJECT, Path("/r.txt"), into, is_from_any=True))


def test_folders_with_wheels_and_offline_are_told_to_every_call_that_looks_for_packages() -> None:
    for find, flag in ((lambda: "/opt/uv", "--offline"), (no_uv, "--no-index")):
        installer = choose_installer(Path("/opt/python3"), find, (Path("/w"),), True)
        for program in (
            install_locked(installer, PROJECT, Path("/r.txt"), Path("/s")),
            resolve(installer, PROJECT, Path("w.whl"), Path("/s/r.txt"), FILES),
        ):
            assert {"--find-links=/w", flag} <= set(program.argv)


def test_pip_takes_over_where_uv_has_no_binary() -> None:
    own = Path(sys.executable)
    assert choose_installer(own, lambda: "/opt/uv").program == ("/opt/uv",)
    assert choose_installer(own, no_uv) == Installer(
        kind="pip", program=(sys.executable, "-m", "pip"), python=own, is_own_python=True
    )


def test_urls_are_left_out_of_what_is_shown() -> None:
    line = "error: could not fetch `https://ada:secret@pypi.example.invalid/simple/h11/` (404), see file:///srv/x"
    assert without_urls(line) == "error: could not fetch `<url>` (404), see <url>"
