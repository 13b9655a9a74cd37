"""Every command of a release as a user to whom it does not belong: it works, or it says to whom the release belongs."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.handmade import write_record, write_release
from support.migrated import ACCOUNTS, write_migrated
from support.other_user import as_nobody, let_in, need_root, public_python
from support.running import SERVER, Release, ended, make_release, write_launcher

from releaser.runtime.commands.command_line import COMMANDS
from releaser.runtime.release.manifest import Command, Socket

WHOSE = "  app belongs to user 'root' (uid 0), and this is user 'nobody' (uid 65534)\n"
HINT = "      hint: call it as that user, or as root\n"
WORKS = {
    "describe": "",
    "eval 1+1": "",
    "console": "print(1)\n",
    "run python -V": "",
    "generate systemd": "",
    "hello": "",
    "help": "",
    "version": "",
    "versions": "",
    "versions --json": "",
    "verify": "",
}
"""What reads only, with its standard input."""
REFUSED = (
    "foreground",
    "start",
    "stop",
    "restart",
    "restart main",
    "ping",
    "ping --alive",
    "pid",
    "status",
    "status --json",
    "logs",
    "logs -f",
    "rpc app:pid",
    "rpc --all app:pid",
    "rpc --process main app:pid",
    "reload_config",
    "remote_console",
    "upgrade 2.0.0",
    "rollback",
    "unpack ARCHIVE",
    "remove 2.0.0",
)
ELSEWHERE = {"migrate", "migrations"}
"""In tests/integration/migrations, where there are some."""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    need_root()
    folder = tmp_path_factory.mktemp("python")
    let_in(folder)
    return public_python(folder / "python")


def made(parent: Path, python: dict[str, str]) -> Release:
    """Write two versions of a release and an archive of a third."""
    let_in(parent)
    script = "#!/bin/sh\necho hello\n"
    command = Command(name="hello", path="commands/hello", summary="greets")
    sockets = [Socket(name="web", address="127.0.0.1:0")]
    release = make_release(
        parent / "release",
        parent / "scratch",
        modules={"app.py": SERVER},
        sockets=sockets,
        commands=[command],
    )
    write_release(release.root, modules={"app.py": SERVER}, version="2.0.0", sockets=sockets)
    write_launcher(release.root, "app", "2.0.0")
    write_record(release.root, "2.0.0")
    (release.root / "releases/default").write_text("1.0.0\n")
    path = release.root / "releases/1.0.0/commands/hello"
    path.parent.mkdir()
    path.write_text(script)
    path.chmod(0o755)
    write_record(release.root, "1.0.0")
    write_release(parent / "third/app", modules={"app.py": SERVER}, version="3.0.0")
    with tarfile.open(parent / "ARCHIVE", "w:gz") as tar:
        tar.add(parent / "third/app", "app")
    release.env = dict(python)
    return release


@pytest.fixture(scope="module", params=["running", "stopped"])
def release(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, python: dict[str, str]
) -> Iterator[Release]:
    release = made(tmp_path_factory.mktemp("other"), python)
    with ended(release):
        assert release.run("start").returncode == 0
        assert release.run("upgrade", "2.0.0").returncode == 0
        assert release.run("upgrade", "1.0.0").returncode == 0
        if request.param == "stopped":
            assert release.run("stop").returncode == 0
        assert release.run("ping").returncode == (4 if request.param == "stopped" else 0)
        yield release


@pytest.fixture
def fresh(tmp_path: Path, python: dict[str, str]) -> Iterator[Release]:
    """A release that was never run."""
    with ended(made(tmp_path, python)) as release:
        yield release


def words_of(release: Release, line: str) -> list[str]:
    return [str(release.root.parent / word) if word == "ARCHIVE" else word for word in line.split()]


def test_the_table_has_every_command() -> None:
    named = {line.split()[0] for line in (*WORKS, *REFUSED)}
    assert named - {"hello"} | ELSEWHERE == set(COMMANDS)


@pytest.mark.parametrize("line", WORKS)
def test_what_only_reads_works_for_everybody(release: Release, line: str) -> None:
    done = as_nobody(release, *words_of(release, line), stdin=WORKS[line])
    usual = release.run(*words_of(release, line), stdin=WORKS[line])
    assert (done.returncode, usual.returncode) == (0, 0)
    if not line.startswith("versions"):  # which one runs, this user cannot know
        assert done.stdout == usual.stdout
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr


def test_which_version_runs_is_not_known_to_everybody(release: Release) -> None:
    done = as_nobody(release, "versions", "--json")
    assert done.stderr == f"warning: which one runs is not known: {WHOSE.strip()}\n"
    assert done.stdout.count('"running": null') == 2


def test_another_interpreter_of_the_same_version_will_do_for_whoever_may_not_link_it(release: Release) -> None:
    known = Path(release.env["RELEASE_PYTHON"])
    other = known.with_name(f"other-{known.name}-{release.root.parent.name}")
    shutil.copy(known, other)
    there = dataclasses.replace(release, env={**release.env, "RELEASE_PYTHON": str(other)})
    done = as_nobody(there, "eval", "__import__('subprocess').call([__import__('sys').executable, '-c', 'import app'])")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    link = next(release.var.glob("bundles/*/bin/python"))
    assert link.readlink() == known
    link.unlink()
    link.symlink_to("/nowhere/python")
    done = as_nobody(there, "eval", "1")
    assert (done.returncode, WHOSE in done.stderr) == (4, True)
    assert there.run("eval", "1").returncode == 0
    assert link.readlink() == other
    assert release.run("eval", "1").returncode == 0


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_the_owners_is_refused_by_the_owners_name(release: Release, line: str) -> None:
    before = sorted(str(path) for path in release.root.rglob("*"))
    done = as_nobody(release, *words_of(release, line))
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("error: ") == 1
    assert WHOSE in done.stderr
    assert done.stderr.endswith(HINT)
    assert "  now: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(str(path) for path in release.root.rglob("*")) == before


def test_what_the_hint_says_is_so(release: Release) -> None:
    assert as_nobody(release, "logs").stderr.endswith(HINT)
    assert as_nobody(release, "logs", user=0).returncode == 0


@pytest.mark.parametrize(
    "line", ["foreground", "start", "restart", "eval 1", "console", "unpack ARCHIVE", "remove 2.0.0"]
)
def test_a_release_that_was_never_run_belongs_to_whoever_put_it_there(fresh: Release, line: str) -> None:
    done = as_nobody(fresh, *words_of(fresh, line))
    assert (done.returncode, WHOSE in done.stderr) == (4, True)
    assert not fresh.var.exists()


@pytest.mark.parametrize("line", ["ping", "status", "stop", "rpc app:pid", "reload_config", "logs", "rollback"])
def test_what_does_not_run_is_told_to_everybody_before_the_first_start(fresh: Release, line: str) -> None:
    done = as_nobody(fresh, *line.split())
    assert (done.returncode, done.stderr) == ((usual := fresh.run(*line.split())).returncode, usual.stderr)


SECRETS: dict[str, Callable[[Release], Path]] = {
    "var": lambda release: release.var,
    "var/current": lambda release: release.var / "current",
    "releases": lambda release: release.root / "releases",
    "releases/default": lambda release: release.root / "releases/default",
    "version": lambda release: release.root / "releases/1.0.0",
    "runtime": lambda release: release.root / "releases/1.0.0/runtime",
    "python": lambda release: release.root / "releases/1.0.0/python",
    "manifest": lambda release: release.root / "releases/1.0.0/manifest.json",
    "pyz": lambda release: release.root / "releases/1.0.0/app.pyz",
    "hello": lambda release: release.root / "releases/1.0.0/commands/hello",
    "log": lambda release: release.var / "log",
    "log file": lambda release: release.var / "log/app.log",
    "bundles": lambda release: release.var / "bundles",
    "env.sh": lambda release: release.root / "releases/1.0.0/env.sh",
    "bin": lambda release: release.root / "bin",
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, python: dict[str, str]) -> Iterator[Release]:
    release = made(tmp_path_factory.mktemp("locked"), python)
    with ended(release):
        assert release.run("start").returncode == 0
        assert release.run("upgrade", "2.0.0").returncode == 0
        assert release.run("upgrade", "1.0.0").returncode == 0
        (release.var / "log").chmod(0o755)
        assert release.run("ping").returncode == 0
        yield release
        assert release.run("ping").returncode == 0


@pytest.mark.parametrize("secret", SECRETS)
def test_whatever_cannot_be_read_nothing_is_guessed_and_nothing_falls_over(locked: Release, secret: str) -> None:
    path = SECRETS[secret](locked)
    mode = path.stat().st_mode
    path.chmod(0o711 if secret == "bin" else 0o700 if path.is_dir() else 0o600)
    try:
        if secret == "env.sh":
            assert f"{path}: permission denied; what it sets" in as_nobody(locked, "describe").stdout
        refused = []
        for line in (*WORKS, *(line for line in REFUSED if line != "logs -f")):
            done = as_nobody(locked, *words_of(locked, line), stdin=WORKS.get(line, ""))
            text = done.stderr
            assert done.returncode in (0, 4), f"{line}: {done.returncode} {text}"
            assert "Traceback" not in text, line
            assert done.returncode == 0 or "belongs to user 'root' (uid 0), and this is user 'nobody'" in text, text
            if done.returncode:
                refused.append(line)
            assert done.returncode == 0 or text.endswith(HINT), text
    finally:
        path.chmod(mode)
    if secret in ("var", "releases", "version", "var/current", "runtime", "python"):
        assert set(refused) >= {*WORKS, "ping"}
    if secret == "env.sh":
        assert {"eval 1+1", "hello", "console", "generate systemd"} <= set(refused)
        assert not {"help", "version", "verify"} & set(refused)


@pytest.mark.parametrize("shell", ["dash", "busybox sh", "bash", "bash --posix"])
def test_whatever_the_shell_a_folder_that_cannot_be_looked_into_is_named_by_its_owner(
    fresh: Release, shell: str, tmp_path: Path
) -> None:
    if shutil.which(shell.split()[0]) is None:
        assert not os.environ.get("CI"), f"CI must have {shell}"
        pytest.skip(f"no {shell} here")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for var in (private, private / "var", private / "of" / "app" / "var"):
        elsewhere = dataclasses.replace(fresh, env={**fresh.env, "RELEASE_VAR": str(var)}, shell=tuple(shell.split()))
        done = as_nobody(elsewhere, "version")
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr == (
            f"error: cannot read {private}: permission denied\n{WHOSE}  now: nothing was done\n{HINT}"
        )
        assert elsewhere.run("version").stdout == "1.0.0\n"
    missing = dataclasses.replace(fresh, env={**fresh.env, "RELEASE_VAR": str(tmp_path / "not/there/yet")})
    assert as_nobody(missing, "version").stdout == "1.0.0\n"


def test_a_file_of_somebody_else_among_ones_own_is_named(fresh: Release) -> None:
    """As after a `start` by root of what a service runs otherwise."""
    for path in (fresh.root, *fresh.root.rglob("*")):
        os.chown(path, 65534, 65534)
    assert as_nobody(fresh, "start").returncode == 0
    assert as_nobody(fresh, "stop").returncode == 0
    log = fresh.var / "log/app.log"
    os.chown(log, 0, 0)
    done = as_nobody(fresh, "start")
    assert done.returncode == 4
    assert f"  {log} belongs to user 'root' (uid 0), and this is user 'nobody' (uid 65534)\n" in done.stderr


def test_a_file_of_settings_that_cannot_be_read_is_named_by_its_owner(fresh: Release) -> None:
    manifest = fresh.root / "releases/1.0.0/manifest.json"
    settings = fresh.root.parent / "app.env"
    settings.write_text("A=1\n")
    settings.chmod(0o600)
    manifest.write_text(manifest.read_text().replace('"env_file": ""', f'"env_file": "{settings}"'))
    for words in (("eval", "1"), ("hello",), ("console",)):
        done = as_nobody(fresh, *words)
        assert done.returncode == 4
        assert done.stderr.startswith(
            f"error: cannot use env_file {settings}: permission denied\n  {settings} belongs to user 'root'"
        )
    done = as_nobody(fresh, "describe")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"cannot use env_file {settings}: permission denied" in done.stdout


@pytest.mark.parametrize("words", [("migrate",), ("migrate", "--plan"), ("migrations",), ("migrations", "--json")])
def test_a_database_that_is_the_owners_is_migrated_by_nobody_else(
    tmp_path: Path, python: dict[str, str], words: tuple[str, ...]
) -> None:
    let_in(tmp_path)
    handmade = write_migrated(tmp_path / "release", ACCOUNTS, settings={"backup": "off"})
    write_launcher(handmade.root, handmade.name)
    database = handmade.root / "var/app.db"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**python, "DATABASE_URL": f"sqlite:///{database}"}
    release = Release(root=handmade.root, name=handmade.name, scratch=scratch, env=environment)
    assert release.run("migrate").returncode == 0
    database.chmod(0o600)
    done = as_nobody(release, *words)
    assert done.returncode == 4, done.stderr
    assert WHOSE in done.stderr
    assert "Traceback" not in done.stderr
    database.chmod(0o644)
    if words != ("migrate",):
        assert as_nobody(release, *words).returncode == 0


def test_whoever_owns_the_tree_unpacks_without_being_who_runs_it(fresh: Release) -> None:
    assert fresh.run("start").returncode == 0
    for path in (fresh.root, *(path for path in fresh.root.rglob("*") if fresh.var not in (path, *path.parents))):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    done = as_nobody(fresh, "remove", "2.0.0")  # it may be the one that runs
    assert (done.returncode, WHOSE in done.stderr) == (4, True)
    done = as_nobody(fresh, "unpack", str(fresh.root.parent / "ARCHIVE"))
    assert (done.returncode, done.stderr) == (0, "")
