"""Builds, archives and `remove` beside a release that runs: what runs, and what the next start boots, stays."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builds import built, releaser
from support.built import free_port
from support.running import Release, base_environment, ending
from support.tiny_project import make_tiny_project
from support.two_versions import CONFIG, SERVER, SOCKET
from support.waiting import eventually

WHERE = "_build/prod/rel/tiny"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return with_server(tmp_path / "project", "1.0.0", "one")


def with_server(folder: Path, version: str, word: str) -> Path:
    config = CONFIG.format(settings=SOCKET, timeout="60s")
    project = make_tiny_project(folder, version=version, config=config, word=word)
    (project / "src/tiny/app.py").write_text(SERVER)
    return project


@pytest.fixture
def release(project: Path, tmp_path: Path) -> Iterator[Release]:
    built(project)
    (tmp_path / "scratch").mkdir()
    environment = {**base_environment(), "PORT": str(free_port())}
    with ending() as kept:
        yield kept(Release(root=project / WHERE, name="tiny", scratch=tmp_path / "scratch", env=environment))


def inodes(folder: Path) -> dict[str, int]:
    """Return the files below a folder: the same ones after a build, since they are links."""
    return {str(path.relative_to(folder)): path.stat().st_ino for path in folder.rglob("*") if path.is_file()}


def build_next(project: Path, version: str, word: str) -> subprocess.CompletedProcess[str]:
    with_server(project, version, word)
    done = releaser(project, "build")
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def test_a_version_that_runs_stays_beside_the_new_build_and_is_upgraded_from(project: Path, release: Release) -> None:
    running = release.foreground()
    before = inodes(release.root / "releases/1.0.0")
    done = build_next(project, "1.1.0", "two")
    assert f"1.0.0 stays in {WHERE}, since it runs (pid " in done.stderr
    hint = f"{WHERE}/bin/tiny upgrade 1.1.0"
    assert f"`{hint}` switches to the new build" in done.stderr
    assert inodes(release.root / "releases/1.0.0") == before
    assert release.status()["version"] == "1.0.0"
    assert running.pid == release.status()["pid"]
    switched = subprocess.run(hint.split(), cwd=project, env=release.env, capture_output=True, text=True, timeout=60)
    assert switched.returncode == 0, switched.stderr
    assert release.status()["version"] == "1.1.0"
    assert release.status()["pid"] == running.pid
    assert release.run("rollback").returncode == 0
    assert release.status()["version"] == "1.0.0"


def test_a_version_that_current_names_stays_and_boots_and_what_nobody_needs_goes(
    project: Path, release: Release
) -> None:
    release.foreground()
    build_next(project, "1.1.0", "two")
    assert release.run("upgrade", "1.1.0").returncode == 0
    assert release.run("stop").returncode == 0
    done = build_next(project, "1.2.0", "three")
    assert f"1.1.0 stays in {WHERE}, since var/current names it, and the next start runs it; " in done.stderr
    assert sorted(path.name for path in (release.root / "releases").iterdir()) == ["1.1.0", "1.2.0", "default"]
    release.foreground()
    assert release.status()["version"] == "1.1.0"


def test_a_release_whose_var_lies_elsewhere_is_known_by_its_processes(
    project: Path, release: Release, tmp_path: Path
) -> None:
    release.env["RELEASE_VAR"] = str(tmp_path / "elsewhere")
    release.foreground()
    done = build_next(project, "1.1.0", "two")
    assert f"1.0.0 stays in {WHERE}, since it runs (pid " in done.stderr
    assert release.run("upgrade", "1.1.0").returncode == 0
    assert release.status()["version"] == "1.1.0"
    refused = release.run(
        "remove", "1.1.0", env={name: text for name, text in release.env.items() if name != "RELEASE_VAR"}
    )
    assert refused.returncode == 4
    assert "error: cannot remove tiny 1.1.0: it runs" in refused.stderr
    cleaned = releaser(project, "clean")
    assert "a release is running from" in cleaned.stderr


def test_both_versions_of_an_upgrade_under_way_stay(project: Path, release: Release) -> None:
    release.foreground()
    build_next(project, "1.1.0", "never")
    upgrade = release.begin("upgrade", "1.1.0")
    eventually(lambda: release.status()["upgrade"])
    done = build_next(project, "1.2.0", "three")
    assert f"1.0.0 stays in {WHERE}" in done.stderr
    assert f"1.1.0 stays in {WHERE}" in done.stderr
    upgrade.process.kill()  # its lock is gone with it, and the supervisor goes on
    upgrade.process.wait()
    for version in ("1.0.0", "1.1.0"):
        refused = release.run("remove", version)
        assert refused.returncode == 4, refused
        assert f"error: cannot remove tiny {version}: it " in refused.stderr
    assert release.status()["version"] == "1.0.0"


def test_the_same_version_built_anew_replaces_itself_and_the_running_one_goes_on(
    project: Path, release: Release
) -> None:
    running = release.foreground()
    with_server(project, "1.0.0", "again")
    done = releaser(project, "build")
    assert f"1.0.0 is running from {WHERE}: restart it to use the new build" in done.stderr
    assert release.status()["pid"] == running.pid
    assert release.run("rpc", "tiny.app:version").stdout == "one\n"
    assert release.run("restart").returncode == 0
    assert release.run("rpc", "tiny.app:version").stdout == "again\n"


def test_an_archive_of_another_version_over_the_root_takes_nothing_away(
    project: Path, release: Release, tmp_path: Path
) -> None:
    shutil.copytree(project, tmp_path / "other")
    shutil.rmtree(tmp_path / "other/_build")
    built(with_server(tmp_path / "other", "1.1.0", "two"))
    running = release.foreground()
    archive = tmp_path / "other/_build/prod/tiny-1.1.0.tar.gz"
    subprocess.run(["tar", "xzf", archive], cwd=release.root.parent, check=True)
    assert release.status()["version"] == "1.0.0"
    assert release.run("upgrade", "1.1.0").returncode == 0
    assert release.status()["version"] == "1.1.0"
    assert release.status()["pid"] == running.pid
