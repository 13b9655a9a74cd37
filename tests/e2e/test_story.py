"""The story of the README: build, run, migrate by the post-start hook, ask, stop; wherever the release lies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.built import REPOSITORY, Project, Site, copy_project, release_in
from support.running import Release, Running, ended
from support.waiting import eventually

Place = Callable[..., Release]
REVISIONS = len(list((REPOSITORY / "examples/guestbook/src/guestbook/migrations/versions").glob("*.py")))


def tell_the_story(release: Release) -> None:
    """Run a release from its first start to its stop, and look at everything on the way."""
    site = Site(release)
    running = release.foreground()
    assert_hook_migrated(running)
    assert "What a fine engine" not in site.page()
    site.sign("Ada", "What a fine engine")
    assert "What a fine engine" in site.page()
    ask_everything(release, running)
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []
    again = release.foreground()
    assert "nothing to do" in again.output()
    assert "What a fine engine" in site.page()
    again.signal(signal.SIGTERM)
    assert again.wait() == 0


def assert_hook_migrated(running: Running) -> None:
    """See that the hook's lines came in order, with the migrations' progress between them."""
    output, errors = running.output(), running.errors()
    hook = "[post_start 20-post_start] "
    wanted = [
        "[pre_start 20-pre_start] ",
        f"{hook}Preparing to run migrations",
        f"{hook}Application is up!",
        f"{hook}[1/{REVISIONS}]",
        f"{hook}[{REVISIONS}/{REVISIONS}]",
        f"{hook}Migrations ran successfully",
    ]
    places = [output.find(text) for text in wanted]
    assert -1 not in places, f"{wanted[places.index(-1)]!r} is missing in:\n{output}\n{errors}"
    assert places == sorted(places)
    assert errors.index("is ready after") < errors.index("[release] is running")


def ask_everything(release: Release, running: Running) -> None:
    """Call every command of the story from `another terminal`."""
    assert release.run("ping").stdout == "pong\n"
    assert release.run("pid").stdout == f"{running.pid}\n"
    assert release.status()["state"] == "running"
    assert release.run("rpc", "guestbook.release.tasks", "count").stdout == "1\n"
    assert release.run("rpc", "guestbook.release.tasks:seed", "2").stdout == "signed 2 times\n"
    assert release.run("eval", "guestbook.release.tasks:count").stdout == "3\n"
    assert release.run("eval", "1 + 1").stdout == "2\n"
    assert release.run("seed", "1").returncode == 0
    answer = release.run("migrate")
    assert (answer.returncode, "nothing to do" in answer.stdout) == (0, True), answer.stderr
    lines = json.loads(release.run("migrations", "--json").stdout)
    assert json.dumps(lines).count("applied") >= 1
    describe = release.run("describe")
    assert "post_start 20-post_start" in describe.stdout
    assert "seed" in describe.stdout
    assert release.run("version").stdout == (release.root / "releases/default").read_text()
    assert release.run("verify").returncode == 0, release.run("verify").stderr


def test_the_story_where_it_was_built(place: Place) -> None:
    tell_the_story(place())


def test_the_story_after_a_move_through_a_link_with_an_empty_environment_and_dash(place: Place, tmp_path: Path) -> None:
    release = place(folder="déplacé vers là/日本 release")
    release.link = tmp_path / "a link"
    release.link.symlink_to(release.launcher)
    Site(release)
    release.shell = ("env", "-i", f"PORT={release.env['PORT']}", shutil.which("dash") or "dash")
    tell_the_story(release)


def test_the_story_of_the_archive_where_neither_releaser_nor_the_sources_are(unpacked: Release) -> None:
    """In a mount namespace, folders of this repository and of the build's Python are hidden where that is allowed."""
    assert (unpacked.root / "releases").is_dir()
    if os.getuid() == 0:
        prefix = Path(sys.prefix)
        hidden = [REPOSITORY] if prefix.is_relative_to(REPOSITORY) else [REPOSITORY, prefix]
        hide = " && ".join(f"mount -t tmpfs none '{path}'" for path in hidden)
        unpacked.shell = ("unshare", "--mount", "sh", "-c", f'{hide} && exec "$@"', "sh")
    tell_the_story(unpacked)


@pytest.mark.parametrize("layout", ["post_start.sh", "post_start/"])
def test_the_same_script_works_under_another_name_and_in_a_folder(tmp_path: Path, layout: str) -> None:
    project = copy_project(tmp_path / "project")
    hook = project.root / "rel/hooks/post_start"
    script = hook.read_text()
    hook.unlink()
    if layout.endswith("/"):
        hook.mkdir()
        (hook / "b_migrate").write_text(script)
        (hook / "a_first.sh").write_text("#!/bin/sh\necho first\n")
    else:
        hook.with_suffix(".sh").write_text(script)
        project.edit("rel/config.toml", '"rel/hooks/post_start"  ', '"rel/hooks/post_start.sh"  ')
    project.edit("rel/config.toml", "include_python = true  ", "include_python = false  ")
    project.build("--env", "prod")
    release = release_in(project.root / "_build/prod/rel/app", tmp_path / "scratch")
    with ended(release):
        Site(release)
        running = release.foreground()
        output = running.output()
        name = "21-b_migrate" if layout.endswith("/") else "20-post_start.sh"
        assert f"[post_start {name}] Migrations ran successfully" in output
        assert (f"[post_start {name}] [{REVISIONS}/{REVISIONS}]") in output
        if layout.endswith("/"):
            assert output.index("[post_start 20-a_first.sh] first") < output.index(f"[post_start {name}]")


def test_the_declared_migration_does_the_same_without_a_script(place: Place) -> None:
    release = place("staging")
    site = Site(release)
    running = release.foreground()
    assert f"[post_start 10-migrate] [{REVISIONS}/{REVISIONS}]" in running.output()
    assert "Guestbook (staging)" in site.page()


def test_a_failing_migration_stops_the_release_and_says_why(place: Place) -> None:
    release = place("staging")
    site = Site(release)
    running = release.foreground()
    site.page()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    with sqlite3.connect(release.var / "guestbook.sqlite3") as database:
        database.execute("update alembic_version set version_num = 'unheard_of'")
    database.close()
    failing = release.begin("foreground")
    assert failing.wait() == 1
    assert "unheard_of" in failing.output()
    assert "the post_start hook 10-migrate exited with 1" in failing.errors()
    assert release.leftovers() == []


def test_dev_mode_runs_the_source_tree_and_edits_are_live_at_the_next_start(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    project.build()
    release = release_in(project.root / "_build/dev/rel/app", tmp_path / "scratch")
    with ended(release):
        site = Site(release)
        running = release.foreground()
        assert "edited since" not in site.page()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
        project.edit("examples/guestbook/src/guestbook/templates/layout.html", "</body>", "<p>edited since</p></body>")
        tasks = project.root / "examples/guestbook/src/guestbook/release/tasks.py"
        tasks.write_text(tasks.read_text() + "\n\ndef added():\n    return 'added since'\n")
        again = release.foreground()
        assert "edited since" in site.page()
        assert release.run("rpc", "guestbook.release.tasks:added").stdout == "added since\n"
        again.signal(signal.SIGTERM)
        assert again.wait() == 0
    assert not list((project.root / "_build" / "dev").glob("*.tar.gz"))


def test_prod_ships_byte_code_of_the_app_only(place: Place) -> None:
    release = place()
    Site(release)
    release.foreground()
    answer = release.run("rpc", "importlib.util:find_spec", "guestbook.web")
    assert "guestbook/web.pyc" in answer.stdout
    assert not list(release.var.glob("bundles/*/lib/*/site-packages/guestbook/**/*.py"))
    assert list(release.var.glob("bundles/*/lib/*/site-packages/starlette/*.py"))


def test_a_child_of_the_app_finds_the_bundle(place: Place) -> None:
    release = place("staging")
    Site(release)
    release.foreground()
    program = "import guestbook, releaser.runtime; print(guestbook.__name__)"
    call = f"subprocess.check_output([sys.executable, '-c', {program!r}], text=True).strip()"
    code = f"import subprocess, sys; print({call})"
    assert release.run("eval", code).stdout == "guestbook\n"


def test_background_life_through_start_logs_restart_and_stop(place: Place) -> None:
    release = place("staging")
    site = Site(release)
    answer = release.run("start")
    assert answer.returncode == 0, answer.stderr
    first = release.run("pid").stdout
    assert site.page()
    second = release.run("start")
    assert second.returncode == 4
    assert second.stderr.startswith(f"error: app is already running (pid {first.strip()})\n  now: ")
    assert "10-migrate" in release.run("logs").stdout
    assert release.run("restart").returncode == 0
    assert release.run("pid").stdout != first
    assert release.run("stop").returncode == 0
    assert release.leftovers() == []


def test_a_start_that_fails_shows_the_end_of_its_log(place: Place) -> None:
    release = place("staging")
    release.env["DATABASE_URL"] = "sqlite:////nowhere/at/all.sqlite3"
    Site(release)
    answer = release.run("start")
    assert answer.returncode == 1
    assert "error: app" in answer.stderr
    assert "  < " in answer.stderr
    assert "now: nothing is running" in answer.stderr
    eventually(lambda: release.leftovers() == [])


def test_the_zipapp_runs_on_its_own(project: Project, tmp_path: Path) -> None:
    (pyz,) = (project.root / "_build/staging/rel/app/releases").glob("*/app.pyz")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SHIV_ROOT": str(tmp_path / "shiv")}
    answer = subprocess.run(
        [os.path.realpath(sys.executable), str(pyz), "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "--port" in answer.stdout
