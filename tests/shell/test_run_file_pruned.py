"""What files of other versions have unpacked: removed when one unpacks, unless somebody runs it or it is not ours."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.run_files import SHELLS, Place, make_run_file, needs
from support.running import processes_below
from support.waiting import eventually

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
APP = "import threading\n\ndef main():\n    threading.Event().wait()\n"


@pytest.fixture(scope="session")
def run_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Four versions of a release, each as one file."""
    folder = tmp_path_factory.mktemp("versions")
    return {version: make_run_file(folder / version, APP, version=version) for version in VERSIONS}


class Cache:
    """A place with several versions: each is unpacked by its file, an hour after the one before."""

    def __init__(self, place: Place, run_files: dict[str, Path]) -> None:
        self.place = place
        self.run_files = run_files
        self.folder = place.home / ".cache/releaser"

    def run(self, version: str, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
        self.place.put(self.run_files[version])
        return self.place.run(*words, **options)  # type: ignore[arg-type]

    def unpack(self, *versions: str, shell: tuple[str, ...] = ()) -> str:
        """Start files one after the other; return what the last one said."""
        said = ""
        for version in versions:
            said = self.run(version, "version", shell=shell).stderr
            number = VERSIONS.index(version)
            (self.folders()[version] / ".used").write_text(f"app {1_000_000 + number * 3600} 123\n")
        return said

    def lay(self, version: str, identity: str = "") -> Path:
        """Put there what a file of a version would have unpacked, an hour after the version before, and return it."""
        number = VERSIONS.index(version)
        folder = self.folder / (identity or str(number) * 32)
        shutil.copytree(self.run_files[version].parent / "app", folder / "app")
        (folder / ".used").write_text(f"app {1_000_000 + number * 3600} 123\n")
        folder.chmod(0o755)
        return folder

    def folders(self) -> dict[str, Path]:
        """Return what is unpacked by its version; the names of whatever else lies there stand for themselves."""
        found = {}
        for path in self.place.unpacked():
            default = path / "app/releases/default"
            is_shown = not path.name.startswith(".") and default.is_file()
            found[default.read_text().strip() if is_shown else path.name] = path
        return found

    def tools(self, folder: Path, **scripts: str) -> dict[str, str]:
        """Return a PATH on which these scripts come before the programs of their names."""
        folder.mkdir()
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.fixture
def cache(tmp_path: Path, run_files: dict[str, Path]) -> Iterator[Cache]:
    place = Place(tmp_path, run_files["1.0.0"])
    yield Cache(place, run_files)
    for pid in processes_below(tmp_path):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not processes_below(tmp_path), within=20)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_of_those_that_nobody_runs_the_newest_stays(cache: Cache, shell: tuple[str, ...]) -> None:
    needs(shell[0])
    cache.unpack("1.0.0", "1.1.0", shell=shell)
    assert sorted(cache.folders()) == ["1.0.0", "1.1.0"]
    said = cache.unpack("1.2.0", shell=shell)
    assert sorted(cache.folders()) == ["1.1.0", "1.2.0"]
    assert said.splitlines()[1] == f"[release] removes app 1.0.0, which nobody runs, from {cache.folder}"
    assert cache.unpack("1.1.0", shell=shell) == ""
    assert "unpacks itself" in cache.unpack("1.0.0", shell=shell)
    assert sorted(cache.folders()) == ["1.0.0", "1.2.0"]
    assert [path.name for path in cache.folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_one_that_runs_stays_until_it_has_ended(cache: Cache, shell: tuple[str, ...]) -> None:
    needs(shell[0])
    cache.run("1.0.0", "start", shell=shell)
    cache.unpack(*VERSIONS, shell=shell)
    assert sorted(cache.folders()) == ["1.0.0", "1.2.0", "1.3.0"]
    assert cache.run("1.0.0", "rpc", "app:__name__.upper").stdout.strip() == "APP"
    assert cache.run("1.0.0", "stop").returncode == 0
    cache.unpack("1.1.0", shell=shell)
    assert sorted(cache.folders()) == ["1.1.0", "1.3.0"]


def foreign_name(folder: Path) -> None:
    (folder / ".used").write_text("other 1000000 123\n")


def strange_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def own_var(folder: Path) -> None:
    (folder / "app/var").mkdir()


def writable_for_all(folder: Path) -> None:
    folder.chmod(0o777)


def another_folder(folder: Path) -> None:
    folder.rename(folder.with_name("backup-of-app"))


def a_link(folder: Path) -> None:
    folder.rename(folder.parents[3] / "elsewhere")
    folder.symlink_to(folder.parents[3] / "elsewhere")


def without_a_mark(folder: Path) -> None:
    (folder / ".used").unlink()


def damaged_mark(folder: Path) -> None:
    (folder / ".used").write_text("app now")


STRANGE = (foreign_name, strange_file, own_var, writable_for_all, another_folder, a_link, without_a_mark, damaged_mark)


def test_what_is_not_ours_alone_stays(cache: Cache) -> None:
    for number, change in enumerate(STRANGE):
        change(cache.lay("1.0.0", f"{number:032x}"))
    before = {path.name for path in cache.folder.iterdir()}
    cache.lay("1.1.0", "a" * 32)
    cache.lay("1.2.0", "b" * 32)
    cache.run("1.3.0", "version")
    after = {path.name for path in cache.folder.iterdir()}
    assert before <= after
    assert "a" * 32 not in after
    assert [name for name in before if not (cache.folder / name / "app/releases/1.0.0/manifest.json").is_file()] == []


def test_what_belongs_to_another_user_stays(cache: Cache, tmp_path: Path) -> None:
    cache.lay("1.0.0")
    cache.lay("1.1.0")
    cache.run("1.2.0", "version", **cache.tools(tmp_path / "tools", id="echo 54321"))
    assert sorted(cache.folders()) == ["1.0.0", "1.1.0", "1.2.0"]


@pytest.mark.parametrize("failing", ["mv", "rm", "flock", "find", "date"])
def test_a_removal_that_fails_is_no_reason_not_to_start(cache: Cache, tmp_path: Path, failing: str) -> None:
    cache.lay("1.0.0")
    cache.lay("1.1.0")
    script = f'case "$*" in *.pruned*) echo broken >&2; exit 1 ;; esac\nexec {needs(failing)} "$@"'
    if failing in ("flock", "find", "date"):
        script = "echo broken >&2; exit 1"
    answer = cache.run("1.2.0", "version", **cache.tools(tmp_path / "tools", **{failing: script}))
    assert "1.2.0" in answer.stdout
    assert "broken" not in answer.stderr.splitlines()
    assert {"1.1.0", "1.2.0"} <= set(cache.folders())
    assert ("1.0.0" in cache.folders()) is (failing in ("mv", "flock", "find"))


def test_a_removal_that_was_killed_is_ended_by_the_next(cache: Cache, tmp_path: Path) -> None:
    """An `rm` in front of the real one removes a part and kills the shell, as a power cut would."""
    cache.lay("1.0.0")
    cache.lay("1.1.0")
    real = needs("rm")
    killer = f"for last; do :; done; {real} -rf \"$last/app/bin\"; kill -9 $(cat '{tmp_path}/pid'); exit"
    tools = cache.tools(tmp_path / "tools", rm=f'case "$*" in *.pruned*) {killer} ;; esac\nexec {real} "$@"')
    cache.place.put(cache.run_files["1.2.0"])
    starter = f'echo $$ >{tmp_path}/pid; exec sh "{cache.place.file}" version'
    env = {**cache.place.env, **tools}
    killed = subprocess.run(["sh", "-c", starter], cwd=cache.place.work, env=env, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert len([path for path in cache.folder.iterdir() if path.name.startswith(".pruned-")]) == 1
    assert "1.2.0" in cache.run("1.2.0", "version").stdout
    assert "1.3.0" in cache.run("1.3.0", "version").stdout
    assert [path.name for path in cache.folder.iterdir() if path.name.startswith(".")] == []


def test_what_was_killed_while_it_unpacked_goes_and_what_is_being_unpacked_stays(cache: Cache) -> None:
    dead, live = (cache.lay("1.0.0", f".partial-{digit * 32}-{digit}") for digit in "12")
    with (live / ".used").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        cache.run("1.1.0", "version")
    assert not dead.exists()
    assert (live / "app/bin/app").exists()


def test_one_that_is_removed_while_it_starts_is_unpacked_again(cache: Cache, tmp_path: Path) -> None:
    cache.unpack("1.0.0")
    old, gone = cache.folders()["1.0.0"], tmp_path / "gone"
    script = f'[ -e "{gone}" ] || mv "{old}" "{gone}"\nexec {needs("flock")} "$@"'
    answer = cache.run("1.0.0", "version", **cache.tools(tmp_path / "tools", flock=script))
    assert "unpacks itself" in answer.stderr
    assert "1.0.0" in answer.stdout
    assert old.is_dir()


def test_a_stranger_who_holds_the_lock_keeps_nobody_from_starting(cache: Cache, tmp_path: Path) -> None:
    cache.unpack("1.0.0")
    with (cache.folders()["1.0.0"] / ".used").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = cache.run("1.0.0", "version", **cache.tools(tmp_path / "tools", sleep=":"))
    assert "1.0.0" in answer.stdout


def test_where_it_cannot_be_held_it_is_unmarked_and_stays(cache: Cache) -> None:
    """With seven sockets of a service manager no descriptor is left for a lock."""
    cache.unpack("1.0.0")
    old = cache.folders()["1.0.0"]
    cache.run("1.0.0", "version", LISTEN_FDS="7")
    assert [path.name for path in old.iterdir()] == ["app"]
    cache.lay("1.1.0")
    cache.lay("1.2.0")
    cache.unpack("1.3.0")
    assert sorted(cache.folders()) == ["1.0.0", "1.2.0", "1.3.0"]
