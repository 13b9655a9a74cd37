"""Facts: what is read from the project and the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.locks import lock_in
from support.planning import origin_of, profile_of

from releaser.config.profile import MigrationsSpec
from releaser.plan.files.named import look_at, shebang_of, summary_of
from releaser.plan.gather import gather_facts
from releaser.plan.project.locks.finding import kind_of
from releaser.plan.project.pyproject import (
    UnusableProject,
    find_migrations,
    find_migrations_config,
    read_project,
)

REQUIREMENTS = """\
# made by a tool
--index-url https://example.invalid/simple
h11==0.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via uvicorn
click==8.1 ; python_version >= "3.11"
-e .
"""


def write(path: Path, text: str = "", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_folder_has_its_files_in_byte_order_without_hidden_ones_and_backups(tmp_path: Path) -> None:
    for name in ("b", "B", "a.sh", "a.sh~", ".hidden"):
        write(tmp_path / "hooks" / name)
    (tmp_path / "hooks" / "folder").mkdir()
    facts = look_at(tmp_path, ["hooks", "nothing"])
    assert facts["hooks"].entries == ("B", "a.sh", "b")
    assert facts["hooks/a.sh"].kind == "file"
    assert facts["nothing"].kind == "missing"


def test_a_pipe_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert look_at(tmp_path, ["pipe"])["pipe"].kind == "other"


def test_a_script_has_its_interpreter_and_its_first_comment(tmp_path: Path) -> None:
    write(tmp_path / "one", "#!/usr/bin/env -S no-such-program -x\n\n# Says hello.\n# More.\n", 0o755)
    write(tmp_path / "two", "#!/bin/sh\r\necho\r\n")
    facts = look_at(tmp_path, ["one", "two"])
    assert facts["one"].shebang == ("/usr/bin/env", "-S no-such-program -x")
    assert not facts["one"].shebang_program_found
    assert facts["one"].executable
    assert facts["one"].summary == "Says hello."
    assert facts["two"].has_carriage_return
    assert not facts["two"].executable
    assert facts["two"].summary == ""


def test_a_shebang_has_an_interpreter_and_one_argument() -> None:
    assert shebang_of("#! /bin/sh  -e  -u") == ("/bin/sh", "-e  -u")
    assert shebang_of("echo") == ()
    assert summary_of("#!/bin/sh\n#\n#   two words  \n") == "two words"


def test_the_lock_is_looked_for_in_order_of_preference(tmp_path: Path) -> None:
    assert lock_in(tmp_path) is None
    write(tmp_path / "Pipfile.lock", '{"default": {"six": {"version": "==1.17.0", "hashes": ["sha256:aa"]}}}')
    lock = lock_in(tmp_path)
    assert lock is not None
    assert (lock.kind, [package.name for package in lock.packages]) == ("pipenv", ["six"])
    write(tmp_path / "requirements.txt", REQUIREMENTS)
    lock = lock_in(tmp_path)
    assert lock is not None
    assert lock.kind == "pipenv", "requirements without hashes pin nothing"
    write(tmp_path / "requirements.txt", REQUIREMENTS.replace("click==8.1", "click==8.1 --hash=sha256:cc"))
    lock = lock_in(tmp_path)
    assert lock is not None
    assert (lock.kind, [package.name for package in lock.packages]) == ("requirements", ["click", "h11"])
    write(
        tmp_path / "uv.lock",
        '[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "unused"\nversion = "1"\n'
        '[[package]]\nname = "self"\nsource = { virtual = "." }\ndependencies = [{ name = "a" }]\n',
    )
    lock = lock_in(tmp_path)
    assert lock is not None
    assert (lock.kind, [package.name for package in lock.packages]) == ("uv", ["a"])
    lock = lock_in(tmp_path, "requirements.txt")
    assert lock is not None
    assert lock.kind == "requirements"


def test_a_lock_is_known_by_its_name() -> None:
    assert [kind_of(name) for name in ("uv.lock", "pylock.toml", "pylock.prod.toml", "prod.txt")] == [
        "uv",
        "pylock",
        "pylock",
        "requirements",
    ]


@pytest.mark.parametrize(
    ("extra", "file", "text"),
    [
        ('dynamic = ["version"]\n[tool.hatch.version]\npath = "shop/about.py"', "shop/about.py", "__version__ = '2'"),
        (
            'dynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = {attr = "shop.VERSION"}',
            "src/shop.py",
            "VERSION = '2'",
        ),
        ('dynamic = ["version"]', "src/shop/__init__.py", "__version__ = '2'"),
        ('version = "2"', "unused.py", ""),
    ],
)
def test_the_version_may_stand_in_a_file(tmp_path: Path, extra: str, file: str, text: str) -> None:
    write(tmp_path / "pyproject.toml", f'[project]\nname = "shop"\n{extra}\n')
    write(tmp_path / file, text)
    assert read_project(tmp_path).version == "2"


def test_a_version_that_is_computed_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[project]\nname = "shop"\ndynamic = ["version"]\n')
    write(tmp_path / "shop.py", "__version__ = compute()")
    assert read_project(tmp_path).version == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no file in it is Python, or says what a project needs"),
        ("[project", "cannot be read"),
        ("[project]\n", r"its \[project\] table has no name"),
    ],
)
def test_a_project_that_cannot_be_used_says_why(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        write(tmp_path / "pyproject.toml", text)
    with pytest.raises(UnusableProject, match=message):
        read_project(tmp_path)


def test_migrations_are_found_in_both_layouts(tmp_path: Path) -> None:
    spec = MigrationsSpec(script_location="shop.db:migrations", origin=origin_of("m"))
    assert find_migrations(tmp_path, spec) is None
    flat = write(tmp_path / "shop/db/migrations/env.py").parent
    assert find_migrations(tmp_path, spec) == flat
    src = write(tmp_path / "src/shop/db/migrations/env.py").parent
    assert find_migrations(tmp_path, spec) == src
    plain = MigrationsSpec(script_location="shop/db/migrations", origin=origin_of("m"))
    assert find_migrations(tmp_path, plain) == flat


def test_alembics_configuration_is_the_projects_own_when_none_is_named(tmp_path: Path) -> None:
    spec = MigrationsSpec(script_location="m", origin=origin_of("m"))
    write(tmp_path / "pyproject.toml", '[project]\nname = "shop"\n[tool.alembic]\nx = "y"\n')
    project = read_project(tmp_path)
    assert find_migrations_config(tmp_path, spec, project) == tmp_path / "pyproject.toml"
    write(tmp_path / "alembic.ini")
    assert find_migrations_config(tmp_path, spec, project) == tmp_path / "alembic.ini"
    (tmp_path / "alembic.ini").unlink()
    assert find_migrations_config(tmp_path, spec, None) is None


def test_a_tool_that_has_a_part_in_the_build_is_an_input(tmp_path: Path) -> None:
    plain = gather_facts(profile_of(root=tmp_path), tmp_path / "none")
    assert set(plain.tools) == {"releaser", "shiv", "uv", "deflate"}
    stored = gather_facts(profile_of(root=tmp_path, archive="tar.zst"), tmp_path / "none")
    assert set(stored.tools) == {"releaser", "shiv", "uv", "zstd"}
    bundled = gather_facts(profile_of(root=tmp_path, include_python=True), tmp_path / "none")
    assert set(bundled.tools) - set(plain.tools) == {"patchelf", "tzdata"}
