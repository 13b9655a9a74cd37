"""A build that would make what is there already does nothing; each kind of change is noticed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.builds import files_in, releaser
from support.tiny_project import make_tiny_project

from releaser.build.executor import build
from releaser.build.publish import receipt
from releaser.build.publish.built import FIRST_EPOCH, Built
from releaser.build.stage.under_way import Graph
from releaser.build.tools.lock import build_lock
from releaser.cli.output.report import SilentReport
from releaser.config import read_config
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan, signed
from releaser.plan.plan import Plan

CONFIG = """\
default_release = "tiny"
default_environment = "prod"

[release.tiny]
entry_point = "tiny.app:main"
commands = { seed = "rel/commands/seed" }
overlays = [{ copy = "share", to = "share" }, { template = "motd.j2", to = "motd" }]
hooks = { pre_start = "rel/hooks/pre_start" }
find_links = ["wheels"]

[environment.prod]
[environment.dev]
dev_mode = true
"""
PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "tiny"
version = "1.0.0"

[tool.hatch.build.targets.wheel]
packages = ["src/tiny"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_tiny_project(tmp_path_factory.mktemp("unchanged") / "tiny", config=CONFIG)
    (project / "backend.py").unlink()
    files = {
        "pyproject.toml": PYPROJECT,
        "rel/commands/seed": "#!/bin/sh\necho seed\n",
        "rel/hooks/pre_start/check": "#!/bin/sh\ntrue\n",
        "share/one.txt": "one\n",
        "motd.j2": "{{ release_name }}\n",
        "wheels/note.txt": "no wheels yet\n",
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (project / "src/tiny/large.bin").write_bytes(os.urandom(2 * 1024 * 1024))
    for path in project.rglob("*"):  # nothing is too young to be trusted
        os.utime(path, (1_700_000_000, 1_700_000_000))
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "first")
    build_it(project)
    return project


def git(project: Path, *words: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    subprocess.run(["git", *who, *words], cwd=project, check=True, stdin=subprocess.DEVNULL)


def plan_of(project: Path, environment: str = "prod") -> Plan:
    config = project / "rel/config.toml"
    profile = read_config(config).profile(None, environment)
    return make_plan(profile, gather_facts(profile, config))


def build_it(project: Path) -> Built:
    with without_pytest():
        return build(plan_of(project), report=SilentReport(sys.stdout, False), read_graph=no_graph)


@contextmanager
def without_pytest() -> Iterator[None]:
    """Leave out the variable that pytest gives another value in each test."""
    value = os.environ.pop("PYTEST_CURRENT_TEST", "")
    yield
    os.environ["PYTEST_CURRENT_TEST"] = value


def no_graph(scripts: Path, **where: object) -> Graph:
    raise AssertionError("the project has no migrations")


def found(project: Path, *, epoch: int = FIRST_EPOCH, is_offline: bool = False) -> Built | None:
    with without_pytest():
        return receipt.find_unchanged(plan_of(project), epoch=epoch, is_offline=is_offline)


@contextmanager
def written(path: Path, content: bytes | None) -> Iterator[None]:
    """Let a file have another content, or none, and afterwards be the very file that it was."""
    before = path.read_bytes() if path.exists() else None
    times = path.stat() if path.exists() else None
    aside = path.parent.parent / f"aside-{path.name}"
    if content is None:
        path.rename(aside)
    else:
        path.write_bytes(content)
    yield
    if content is None:
        aside.rename(path)
    elif before is None or times is None:
        path.unlink()
    else:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_with_nothing_changed_the_last_build_is_the_answer(project: Path) -> None:
    built = found(project)
    assert built is not None
    assert built.is_unchanged
    assert built.archive is not None
    assert built.archive_bytes == built.archive.stat().st_size


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "src/tiny/app.py",
        "src/tiny/data/greeting.txt",
        "src/tiny/large.bin",
        "requirements.txt",
        "rel/config.toml",
        "rel/commands/seed",
        "rel/hooks/pre_start/check",
        "share/one.txt",
        "motd.j2",
        "wheels/note.txt",
    ],
)
def test_a_changed_file_is_noticed(project: Path, name: str) -> None:
    content = (project / name).read_bytes()
    comment = b"\n{# more #}" if name.endswith(".j2") else b"\n# more\n"
    with written(project / name, content + comment):
        assert found(project) is None
    assert found(project) is not None


@pytest.mark.parametrize("name", ["src/tiny/app.py", "share/one.txt", "rel/hooks/pre_start/check"])
def test_a_change_of_as_many_bytes_is_noticed(project: Path, name: str) -> None:
    path = project / name
    content = path.read_bytes()
    with written(path, content[:-2] + b"#\n"):
        assert found(project) is None


@pytest.mark.parametrize(
    "name",
    [
        "src/tiny/more.py",
        "src/tiny/data/new.txt",
        "rel/hooks/pre_start/other",
        "share/two.txt",
        "wheels/tiny-1.0.0-py3-none-any.whl",
        ".gitignore",
        "setup.py",
        "uv.lock",
    ],
)
def test_a_new_file_is_noticed(project: Path, name: str) -> None:
    with written(project / name, b"#!/bin/sh\n"):
        assert found(project) is None
    assert found(project) is not None


@pytest.mark.parametrize("name", ["src/tiny/data/greeting.txt", "share/one.txt", "wheels/note.txt"])
def test_a_removed_file_is_noticed(project: Path, name: str) -> None:
    with written(project / name, None):
        assert found(project) is None
    assert found(project) is not None


def test_a_file_that_was_only_touched_is_read_and_found_the_same(project: Path) -> None:
    times = (project / "src/tiny/app.py").stat()
    os.utime(project / "src/tiny/app.py")
    assert found(project) is not None
    os.utime(project / "src/tiny/app.py", ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_changed_executable_bit_is_noticed(project: Path) -> None:
    mode = (project / "share/one.txt").stat().st_mode
    (project / "share/one.txt").chmod(0o755)
    assert found(project) is None
    (project / "share/one.txt").chmod(mode)
    assert found(project) is not None


def test_another_revision_of_the_repository_is_noticed(project: Path) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "second")
    assert found(project) is None
    git(project, "reset", "--quiet", "--soft", "HEAD~")
    assert found(project) is not None


@pytest.mark.parametrize("name", ["UV_INDEX_URL", "PIP_INDEX_URL", "CFLAGS", "HATCH_BUILD_HOOKS_ENABLE", "PATH", "X"])
def test_another_environment_is_noticed(project: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, os.environ.get(name, "") + os.pathsep + "/nowhere")
    assert found(project) is None


def test_variables_of_the_terminal_change_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "133")
    assert found(project) is not None


def test_other_options_are_noticed(project: Path) -> None:
    assert found(project, epoch=FIRST_EPOCH + 1) is None
    assert found(project, is_offline=True) is None


def test_another_package_beside_releaser_is_noticed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = project.parent / "site-packages"
    more.mkdir(exist_ok=True)
    monkeypatch.syspath_prepend(more)
    assert found(project) is None


def published(project: Path) -> list[Path]:
    target = project / "_build/prod"
    release = target / "rel/tiny"
    return [
        release / "bin/tiny",
        release / "releases/1.0.0/tiny.pyz",
        release / "releases/1.0.0/manifest.json",
        release / "releases/1.0.0/env.sh",
        release / "releases/1.0.0/runtime/supervisor/supervisor.py",
        *(target / f"tiny-1.0.0.{ending}" for ending in ("tar.gz", "cdx.json", "mtree", "provenance.json", "sha256")),
    ]


def test_what_was_made_and_is_not_as_it_was_is_noticed(project: Path) -> None:
    for path in published(project):
        content = path.read_bytes()
        for damaged in (None, content[:-1], content + b"\n", content[:-1] + bytes([content[-1] ^ 1])):
            with written(path, damaged):
                assert found(project) is None, (path, damaged is None)
    with written(project / "_build/prod/rel/tiny/releases/1.0.0/more", b""):
        assert found(project) is None
    assert found(project) is not None


def test_what_a_release_has_written_changes_nothing(project: Path) -> None:
    var = project / "_build/prod/rel/tiny/var"
    var.mkdir()
    (var / "data").write_text("rows")
    assert found(project) is not None
    shutil.rmtree(var)


def test_a_build_under_way_is_waited_for_by_building(project: Path) -> None:
    with build_lock(project / "_build/prod", SilentReport(sys.stdout, False)):
        assert found(project) is None
    assert found(project) is not None


def test_what_a_killed_build_has_left_is_put_in_order_by_building(project: Path) -> None:
    left = project / "_build/prod/.staging-1"
    left.mkdir()
    assert found(project) is None
    left.rmdir()


def test_a_damaged_receipt_is_none(project: Path) -> None:
    (path,) = (project / "_build/.cache/receipts").iterdir()
    text = path.read_bytes()
    for damaged in (b"", b"{}", b"[]", text[: len(text) // 2], text.replace(b'"format":1', b'"format":0')):
        with written(path, damaged):
            assert found(project) is None
    assert found(project) is not None


def test_what_cannot_be_certain_leaves_no_receipt(project: Path) -> None:
    plan = plan_of(project)
    assert receipt.take_snapshot(plan_of(project, "dev"), epoch=0, is_offline=False) is None
    (path,) = (project / "_build/.cache/receipts").iterdir()
    with kept(path):
        assert receipt.take_snapshot(signed(plan, project / "key"), epoch=0, is_offline=False) is None
        assert not path.exists()
        assert receipt.take_snapshot(plan, epoch=0, is_offline=False) is not None
        with written(project / "requirements.txt", b"-r more.txt\n"):
            assert receipt.take_snapshot(plan_of(project), epoch=0, is_offline=False) is None
        with written(project / "pyproject.toml", PYPROJECT.encode() + b'readme = "../README.md"\n'):
            assert receipt.take_snapshot(plan_of(project), epoch=0, is_offline=False) is None
        (project / "src/tiny/elsewhere").symlink_to(project.parent)
        assert receipt.take_snapshot(plan, epoch=0, is_offline=False) is None
        (project / "src/tiny/elsewhere").unlink()
    assert found(project) is not None


@contextmanager
def kept(path: Path) -> Iterator[None]:
    text = path.read_bytes()
    yield
    path.write_bytes(text)


def test_a_change_while_it_is_built_leaves_no_receipt(project: Path) -> None:
    plan = plan_of(project)
    (path,) = (project / "_build/.cache/receipts").iterdir()
    with kept(path):
        snapshot = receipt.take_snapshot(plan, epoch=0, is_offline=False)
        assert snapshot is not None
        with written(project / "src/tiny/app.py", b"# other\n"):
            receipt.keep_receipt(snapshot, plan, found(project) or a_build(plan))
        assert not path.exists()


def a_build(plan: Plan) -> Built:
    return Built(folder=plan.published, folder_bytes=0, archive=plan.archive, archive_bytes=0, warnings=())


@pytest.mark.timeout(400)
def test_the_command_says_that_nothing_has_changed_unless_it_is_forced(tmp_path: Path, project: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("_build"))

    def events(*words: str) -> dict[str, Any]:
        done = releaser(copy, "build", "--json", *words)
        assert done.returncode == 0, done.stderr
        last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return last

    assert events()["unchanged"] is False
    before = files_in(copy / "_build/prod/rel")
    assert events()["unchanged"] is True
    told = releaser(copy, "build")
    assert told.stdout.startswith("nothing has changed since tiny 1.0.0 for prod was built ("), told.stderr
    assert events("--force")["unchanged"] is False
    assert files_in(copy / "_build/prod/rel") == before
    (copy / "src/tiny/app.py").write_text("def main():\n    print('other')\n")
    assert events()["unchanged"] is False
    assert files_in(copy / "_build/prod/rel") != before
