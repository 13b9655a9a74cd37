"""The file that unpacks itself and runs: where it unpacks, what it refuses, what it leaves, under each shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.run_files import SHELLS, Place, make_run_file, needs

from releaser.build.archive.run_file import TEMPLATE, stub

APP = "import os\n\ndef main():\n    print('var is', os.environ['RELEASE_VAR'])\n"


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release written by hand, as one file; tests copy it."""
    return make_run_file(tmp_path_factory.mktemp("run file") / "made", APP)


@pytest.fixture
def place(tmp_path: Path, run_file: Path) -> Place:
    return Place(tmp_path, run_file)


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_it_unpacks_once_and_passes_arguments_and_exit_codes_on(place: Place, shell: tuple[str, ...]) -> None:
    needs(shell[0])
    first = place.run("version", shell=shell)
    inode = place.unpacked()[0].stat().st_ino
    second = place.run("version", shell=shell)
    assert first.stdout == second.stdout
    assert "1.0.0" in first.stdout
    assert "unpacks itself" in first.stderr
    assert second.stderr == ""
    assert [path.stat().st_ino for path in place.unpacked()] == [inode]
    assert place.run("ping", shell=shell, check=False).returncode == 4
    assert list(place.work.iterdir()) == []


def test_what_the_release_writes_lies_beside_the_file_and_not_in_the_cache(place: Place) -> None:
    link = place.work.parent / "bin-app"
    link.symlink_to(place.file)
    answer = subprocess.run([link, "foreground"], cwd=place.work, env=place.env, capture_output=True, text=True)
    var = place.folder / "app.var"
    assert f"var is {var}" in answer.stdout, answer.stderr
    assert (var / "bundles").is_dir()
    (root,) = place.unpacked()
    assert not (root / "app/var").exists()
    assert list(place.work.iterdir()) == []


def test_release_var_and_release_cache_say_where(place: Place, tmp_path: Path) -> None:
    var, cache = tmp_path / "elsewhere", tmp_path / "cache"
    answer = place.run("foreground", RELEASE_VAR=str(var), RELEASE_CACHE=str(cache))
    assert f"var is {var}" in answer.stdout
    assert len(place.unpacked(cache)) == 1
    assert not (place.home / ".cache").exists()
    assert {path.name for path in place.folder.iterdir()} == {"app-1.0.0.run"}


def test_the_folders_of_another_release_that_starts_it_are_not_taken(place: Place, tmp_path: Path) -> None:
    others = {"RELEASE_ROOT": "/srv/other", "RELEASE_VAR": str(tmp_path / "others"), "RELEASE_PYTHON": ""}
    python = Path(sys.executable).resolve().parent
    answer = place.run("foreground", **others, PATH=f"{python}:/usr/bin:/bin")
    assert f"var is {place.folder}/app.var" in answer.stdout


def test_a_cache_that_is_no_absolute_path_is_refused(place: Place) -> None:
    answer = place.run("version", check=False, RELEASE_CACHE="cache")
    assert answer.returncode == 3
    assert "RELEASE_CACHE is 'cache', which is not an absolute path" in answer.stderr
    assert list(place.work.iterdir()) == []


@pytest.mark.parametrize("home", ["", "/proc/none"])
def test_without_a_home_it_unpacks_below_the_temporary_folder(place: Place, tmp_path: Path, home: str) -> None:
    (tmp_path / "t").mkdir()
    place.run("version", HOME=home, TMPDIR=str(tmp_path / "t"))
    cache = tmp_path / "t" / f"releaser-{os.getuid()}"
    assert len(place.unpacked(cache)) == 1
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_that_others_can_write_to_is_not_trusted(place: Place, tmp_path: Path) -> None:
    cache = tmp_path / f"releaser-{os.getuid()}"
    cache.mkdir()
    cache.chmod(0o777)
    answer = place.run("version", check=False, HOME="", TMPDIR=str(tmp_path))
    assert answer.returncode == 3
    assert answer.stderr == (
        "error: app has no folder to unpack itself into\n"
        "  now: nothing was unpacked or started\n"
        "      hint: name one in RELEASE_CACHE\n"
    )


def test_a_cache_that_holds_it_already_may_be_read_only(place: Place, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    place.run("version", RELEASE_CACHE=str(cache))
    before = sorted(cache.rglob("*"))
    cache.chmod(0o555)
    try:
        assert place.run("version", RELEASE_CACHE=str(cache)).stderr == ""
    finally:
        cache.chmod(0o755)
    assert sorted(cache.rglob("*")) == before


@pytest.mark.parametrize("damage", ["one byte", "the end is missing"])
def test_a_damaged_file_is_refused_before_anything_is_unpacked(place: Place, damage: str) -> None:
    content = bytearray(place.file.read_bytes())
    if damage == "one byte":
        content[-2000] ^= 1
        said = "is damaged: its checksum is not the one it was built with"
    else:
        del content[-2000:]
        said = "is not complete: it holds"
    place.file.write_bytes(content)
    answer = place.run("version", check=False)
    assert answer.returncode == 3
    assert said in answer.stderr
    assert "now: nothing was unpacked or started" in answer.stderr
    assert place.unpacked() == []


def test_several_first_starts_at_once_all_run_and_unpack_one_tree(place: Place) -> None:
    processes = [
        subprocess.Popen(place.argv("version"), cwd=place.work, env=place.env, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert len(set(outputs)) == 1
    assert len(place.unpacked()) == 1


def test_several_first_starts_without_flock_leave_one_tree_too(place: Place, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("tail", "tar", "gzip", "sha256sum", "wc", "mkdir", "rm", "mv", "sync", "readlink", "id", "find"):
        (tools / name).symlink_to(needs(name))
    place.env["PATH"] = str(tools)
    processes = [
        subprocess.Popen(["/bin/sh", *place.argv("version")], cwd=place.work, env=place.env, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    (root,) = place.unpacked()
    assert [path.name for path in root.iterdir()] == ["app"]


def test_an_unpacking_that_was_killed_is_done_again(place: Place, tmp_path: Path) -> None:
    """A `tar` in front of the real one kills the shell in the middle, as a power cut would."""
    tools = tmp_path / "tools"
    tools.mkdir()
    killer = tools / "tar"
    killer.write_text(f'#!/bin/sh\n{needs("tar")} "$@"\nkill -9 $(cat {tmp_path}/pid)\n')
    killer.chmod(0o755)
    starter = f"echo $$ >{tmp_path}/pid; exec sh {str(place.file)!r} version"
    starter = starter.replace(repr(str(place.file)), f'"{place.file}"')
    env = {**place.env, "PATH": f"{tools}:/usr/bin:/bin"}
    killed = subprocess.run(["sh", "-c", starter], cwd=place.work, env=env, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    (partial,) = place.unpacked()
    assert partial.name.startswith(".partial-")

    assert "unpacks itself" in place.run("version").stderr
    assert [path.name.startswith(".") for path in place.unpacked()] == [False]


def test_a_signal_while_it_unpacks_leaves_nothing(place: Place, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "tar").write_text(f"#!/bin/sh\ncat >/dev/null\nkill -TERM $(cat {tmp_path}/pid)\n")
    (tools / "tar").chmod(0o755)
    env = {**place.env, "PATH": f"{tools}:/usr/bin:/bin"}
    starter = f'echo $$ >{tmp_path}/pid; exec sh "{place.file}" version'
    ended = subprocess.run(["sh", "-c", starter], cwd=place.work, env=env, capture_output=True)
    assert ended.returncode == 143
    assert place.unpacked() == []


def test_a_missing_tool_is_named(place: Place, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ["tail", "tar", "sha256sum", "wc", "mkdir", "id", "find"]:
        (tools / name).symlink_to(needs(name))
    answer = place.run("version", shell=(needs("dash"),), check=False, PATH=str(tools))
    assert answer.returncode == 3
    assert "error: app needs the program gzip to unpack itself, and it is not on PATH" in answer.stderr


def test_it_extracts_into_a_folder_and_never_over_one(place: Place, tmp_path: Path) -> None:
    answer = place.run("--run-extract", "here")
    assert answer.stdout == f"{place.work}/here/app\n"
    assert [path.name for path in (place.work / "here").iterdir()] == ["app"]
    launcher = place.work / "here/app/bin/app"
    done = subprocess.run([launcher, "version"], env=place.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    again = place.run("--run-extract", "here", check=False)
    assert again.returncode == 3
    assert again.stderr == "error: here/app exists already\n  now: it is as it was\n"
    assert not (place.home / ".cache").exists()


def test_it_says_which_folders_it_uses_without_making_one(place: Place) -> None:
    lines = place.run("--run-info").stdout.splitlines()
    assert lines[0] == "release   app 1.0.0"
    assert lines[1].startswith(f"unpacked  {place.home}/.cache/releaser/")
    assert lines[2] == f"var       {place.folder}/app.var"
    assert {path.name for path in place.folder.iterdir()} == {"app-1.0.0.run"}


def test_it_is_clean_under_shellcheck(tmp_path: Path) -> None:
    script = tmp_path / "stub"
    script.write_bytes(stub(TEMPLATE.read_text(), "app", "1.0.0", "ab" * 32, 12345))
    shellcheck = Path(sys.executable).parent / "shellcheck"
    answer = subprocess.run([shellcheck, "--shell=sh", script], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_the_script_knows_its_own_length() -> None:
    for size in (9, 99_999, 12_345_678_901):
        script = stub(TEMPLATE.read_text(), "app", "1.0.0", "ab" * 32, size)
        assert f"run_stub_bytes={len(script)}\n".encode() in script
