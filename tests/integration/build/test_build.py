"""Builds by the installed command: the tree, the bundle, the archive, and what is said about them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.builds import beside, built, files_in, manifest_of, releaser
from support.tiny_project import CONFIG, make_tiny_project

from releaser.runtime.release.checking.record import load

HOOKS = """
[release.tiny.hooks]
pre_start = ["rel/hooks/check", "rel/hooks/many"]

[release.tiny.commands]
seed = "rel/seed"
"""


def with_hooks(project: Path) -> Path:
    hooks = project / "rel" / "hooks"
    (hooks / "many").mkdir(parents=True)
    (hooks / "check").write_text("#!/bin/sh\necho checked\n")
    (hooks / "check").chmod(0o755)
    (hooks / "many" / "b").write_text("echo b\n")
    (hooks / "many" / "A").write_text("echo A\n")
    (hooks / "many" / "A~").write_text("a backup\n")
    (project / "rel" / "seed").write_text("#!/bin/sh\n# Fills the database.\n")
    config = project / "rel" / "config.toml"
    config.write_text(config.read_text() + HOOKS)
    return project


def run_standalone(release: Path, *words: str, version: str = "1.0.0") -> str:
    """Run the bundle by itself, in a folder of its own, and return its output."""
    home = release.parent / "home"
    home.mkdir(exist_ok=True)
    answer = subprocess.run(
        [sys.executable, release / "releases" / version / "tiny.pyz", *words],
        env={"PATH": os.environ["PATH"], "SHIV_ROOT": str(home / "shiv"), "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_tiny_project(tmp_path / "a project")


def test_the_tree_is_the_designs_and_the_record_knows_every_file(project: Path) -> None:
    release = built(with_hooks(project))
    version = release / "releases" / "1.0.0"
    names = {name for name in files_in(release) if "/runtime/" not in name}
    assert names == {
        "bin/tiny",
        "releases/default",
        "releases/1.0.0/commands/seed",
        "releases/1.0.0/env.sh",
        "releases/1.0.0/hooks/pre_start.d/20-check",
        "releases/1.0.0/hooks/pre_start.d/21-A",
        "releases/1.0.0/hooks/pre_start.d/22-b",
        "releases/1.0.0/launcher",
        "releases/1.0.0/manifest.json",
        "releases/1.0.0/python",
        "releases/1.0.0/release.mtree",
        "releases/1.0.0/tiny.pyz",
    }
    assert (release / "releases" / "default").read_text() == "1.0.0\n"
    assert (version / "python").read_text() == f"{sys.version_info.major}.{sys.version_info.minor} -\n"
    manifest = manifest_of(release)
    on_disk = {n: hashlib.sha256(content).hexdigest() for n, content in files_in(release).items()}
    recorded = {path: member.sha256 for path, member in load(str(version / "release.mtree")).items() if member.sha256}
    assert recorded == {n: d for n, d in on_disk.items() if not n.endswith("release.mtree")}
    assert manifest["commands"] == [
        {"name": "seed", "path": "commands/seed", "summary": "Fills the database.", "words": []}
    ]
    assert manifest["python"]["platform"] == "any"


def test_the_bundle_runs_on_its_own(project: Path) -> None:
    release = built(project)
    assert run_standalone(release, "two words") == "tiny says hello two words\n"


@pytest.mark.parametrize(
    ("command", "kind", "output"),
    [
        ('["tiny", "${GREETED:-you}"]', "callable", "tiny says hello you more\n"),
        ('["python", "-m", "tiny.tool", "x"]', "module", "tool x more\n"),
    ],
)
def test_a_command_runs_on_its_own_with_its_arguments(project: Path, command: str, kind: str, output: str) -> None:
    config = CONFIG.replace('entry_point = "tiny.app:main"', f"command = {command}")
    make_tiny_project(project, config=config)
    (project / "src/tiny/tool.py").write_text("import sys\nprint('tool', *sys.argv[1:])\n")
    release = built(project)
    assert manifest_of(release)["entry"]["kind"] == kind
    assert run_standalone(release, "more") == output


def test_a_script_that_a_wheel_ships_as_a_file_can_be_the_command(project: Path) -> None:
    make_tiny_project(project, config=CONFIG.replace('entry_point = "tiny.app:main"', 'command = ["greet", "dear"]'))
    (project / "scripts").mkdir()
    (project / "scripts/greet").write_text("#!python\nimport sys, tiny\nprint('greet', tiny.WORD, *sys.argv[1:])\n")
    release = built(project)
    assert manifest_of(release)["entry"] == {
        "kind": "script",
        "target": "scripts/greet",
        "argv0": "greet",
        "args": ["dear"],
    }
    shipped = (release / "releases/1.0.0/scripts/greet").read_text()
    assert shipped.startswith("#!/usr/bin/env python3\nimport sys, tiny\n")
    assert run_standalone(release, "you") == "greet hello dear you\n"


def test_the_bundle_holds_byte_code_that_is_never_checked_against_its_source(project: Path) -> None:
    release = built(project)
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        members = archive.infolist()
        code = archive.read(f"site-packages/tiny/__pycache__/app.{sys.implementation.cache_tag}.pyc")
    assert int.from_bytes(code[4:8], "little") == 1  # PEP 552: by hash, and not checked
    assert b"site-packages/tiny/app.py" in code
    assert {member.filename.split("/")[0] for member in members} == {
        "site-packages",
        "bin",
        "_bootstrap",
        "environment.json",
        "__main__.py",
    }
    modes = {member.filename.startswith("bin/"): member.external_attr >> 16 for member in members}
    assert modes == {False: 0o100644, True: 0o100755}


def test_the_app_can_import_the_runtime_of_its_release(project: Path) -> None:
    app = project / "src/tiny/app.py"
    app.write_text("from releaser.runtime import migrate\n\ndef main():\n    print(migrate.__module__)\n")
    assert run_standalone(built(project)) == "releaser.runtime\n"


def test_without_sources_only_the_projects_byte_code_is_there(project: Path) -> None:
    release = built(project, "--env", "closed")
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        own = [name for name in archive.namelist() if name.startswith("site-packages/tiny/")]
        record = archive.read("site-packages/tiny-1.0.0.dist-info/RECORD").decode()
        runtime = "site-packages/releaser/runtime/__init__.py" in archive.namelist()
    assert sorted(own) == [
        "site-packages/tiny/__init__.pyc",
        "site-packages/tiny/app.pyc",
        "site-packages/tiny/data/greeting.txt",
    ]
    assert "tiny/app.pyc,sha256=" in record
    assert runtime
    assert run_standalone(release) == "tiny says hello\n"


def test_two_builds_in_other_folders_at_other_times_under_another_umask_are_identical(tmp_path: Path) -> None:
    one = built(with_hooks(make_tiny_project(tmp_path / "one")))
    before = os.umask(0o077)
    try:
        other = built(
            with_hooks(make_tiny_project(tmp_path / "deeper" / "other one")), PYTHONHASHSEED="77", TZ="Asia/Tokyo"
        )
    finally:
        os.umask(before)
    assert files_in(one) == files_in(other)
    archives = [tree.parent.parent / "tiny-1.0.0.tar.gz" for tree in (one, other)]
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_no_artifact_names_a_folder_of_this_machine(project: Path) -> None:
    release = built(project)
    for name, content in files_in(release).items():
        assert os.fsencode(project) not in content, name
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert os.fsencode(project) not in content, name
            assert os.fsencode(sys.prefix) not in content, name


def test_modes_are_plain_whatever_the_umask_and_the_sources(project: Path) -> None:
    with_hooks(project)
    before = os.umask(0o077)
    try:
        release = built(project)
    finally:
        os.umask(before)
    executable = {str(p.relative_to(release)) for p in release.rglob("*") if p.is_file() and p.stat().st_mode & 0o111}
    assert executable == {
        "bin/tiny",
        "releases/1.0.0/commands/seed",
        "releases/1.0.0/hooks/pre_start.d/20-check",
        "releases/1.0.0/hooks/pre_start.d/21-A",
        "releases/1.0.0/hooks/pre_start.d/22-b",
        "releases/1.0.0/launcher",
        "releases/1.0.0/tiny.pyz",
    }
    modes = {path.stat().st_mode & 0o777 for path in (release, *release.rglob("*"))}
    assert modes == {0o755, 0o644}
    assert (release.parent.parent / "tiny-1.0.0.tar.gz").stat().st_mode & 0o777 == 0o644


def test_the_archive_unpacks_to_the_tree_without_var(project: Path, tmp_path: Path) -> None:
    release = built(project)
    (release / "var").mkdir()
    (release / "var" / "data").write_text("rows")
    built(project)
    with tarfile.open(release.parent.parent / "tiny-1.0.0.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    unpacked = files_in(tmp_path / "unpacked" / "tiny")
    assert "var/data" not in unpacked
    assert unpacked == {name: content for name, content in files_in(release).items() if not name.startswith("var/")}


def test_var_is_kept_by_the_next_build_and_of_old_versions_the_one_that_boots(project: Path) -> None:
    release = built(project)
    (release / "var" / "bundles" / "stale").mkdir(parents=True)
    (release / "var" / "data").write_text("rows")
    (release / "var" / "current").write_text("1.0.0\n")
    make_tiny_project(project, version="1.1.0")
    assert built(project) == release
    assert (release / "var" / "data").read_text() == "rows"
    assert (release / "var" / "current").read_text() == "1.0.0\n"
    assert not (release / "var" / "bundles" / "stale").exists()
    assert sorted(path.name for path in (release / "releases").iterdir() if path.is_dir()) == ["1.0.0", "1.1.0"]
    assert sorted(path.name for path in release.parent.parent.iterdir()) == [
        ".lock",
        "rel",
        *beside("1.0.0"),
        *beside("1.1.0"),
    ]


def test_dev_mode_runs_the_source_tree(project: Path) -> None:
    release = built(with_hooks(project), "--env", "dev")
    version = release / "releases" / "1.0.0"
    assert manifest_of(release)["bundle"]["source_paths"] == [str(project / "src")]
    with zipfile.ZipFile(version / "tiny.pyz") as archive:
        assert not [name for name in archive.namelist() if name.startswith("site-packages/tiny/")]
    assert (version / "hooks/pre_start.d/20-check").readlink() == project / "rel/hooks/check"
    assert (version / "hooks/pre_start.d/21-A").read_text().startswith("#!/bin/sh\n")
    (project / "rel/hooks/many/A").write_text("echo edited\n")
    answer = subprocess.run([version / "hooks/pre_start.d/21-A"], capture_output=True, text=True, check=True)
    assert answer.stdout == "edited\n"
    assert not (release.parent.parent / "tiny-1.0.0.tar.gz").exists()
    make_tiny_project(project, word="edited", config=(project / "rel/config.toml").read_text())
    assert run_standalone(release) == "tiny says edited\n"


def test_in_a_pipe_each_step_is_a_line_and_the_end_says_where_and_how(project: Path) -> None:
    done = releaser(project, "build")
    lines = done.stdout.splitlines()
    assert lines[0] == "* build the project's wheel"
    assert "  run it:    _build/prod/rel/tiny/bin/tiny foreground" in lines
    assert any(line.startswith("  _build/prod/tiny-1.0.0.tar.gz") for line in lines)
    assert all(len(line) <= 80 for line in lines)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_quiet_says_nothing_and_verbose_shows_commands(project: Path) -> None:
    assert releaser(project, "build", "-q").stdout == ""
    lines = releaser(project, "build", "-v").stdout.splitlines()
    assert any(line.startswith("> python -I ") for line in lines)
    assert any(line.startswith("< ") for line in lines)


def test_no_lock_builds_with_a_warning_after_everything_else(project: Path) -> None:
    (project / "requirements.txt").unlink()
    pyproject = project / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace("requires-python", 'dynamic = ["dependencies"]\nrequires-python')
    )
    done = releaser(project, "build")
    assert done.returncode == 0
    assert done.stderr.startswith("1 warning")
    assert "hint: releaser lock writes one, pylock.toml" in done.stderr


def test_a_plan_lists_the_steps_and_builds_nothing(project: Path) -> None:
    done = releaser(project, "plan", "--env", "dev")
    assert done.returncode == 0
    assert "   3  link the project's source tree" in done.stdout
    assert not (project / "_build").exists()
