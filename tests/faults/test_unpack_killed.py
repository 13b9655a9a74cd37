"""`unpack` that is killed before each change it makes: a version is there whole or not at all; the next one goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.artifacts import finished, packed
from support.builds import files_in

from releaser.runtime.archives.contents import read_contents
from releaser.runtime.archives.reader import Archive, Damaged
from releaser.runtime.archives.unpacking import unpack_archive
from releaser.runtime.release.checking.tree_check import compare
from releaser.runtime.release.context import Context
from releaser.runtime.release.layout import Layout

KILLED = """\
import os, signal, sys
sys.dont_write_bytecode = True
left = int(sys.argv[4])

def count(event, args):
    global left
    if event in ("os.rename", "os.mkdir", "os.chmod", "os.symlink", "shutil.rmtree") and "fd" not in str(args[-1]):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

from releaser.runtime.archives.unpacking import unpack_archive
from releaser.runtime.release.context import Context
from releaser.runtime.release.layout import Layout
sys.addaudithook(count)
unpack_archive(Context(Layout.of(sys.argv[1], "0.9.0", {}), "app", {}), sys.argv[2], repair=sys.argv[3] == "repair")
"""
"""Is killed before its change number N to the file system."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = finished(tmp_path_factory.mktemp("made"), interpreter={"bin/python3": "a program", "lib/os.py": "x = 1"})
    return packed(root)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return finished(tmp_path / "host", version="0.9.0")


def context_of(root: Path) -> Context:
    return Context(Layout.of(str(root), "1.0.0", {}), "app", {})


def killed(root: Path, archive: Path, how: str) -> Iterator[int]:
    """Unpack again and again, killed one change later each time, until it comes to its end; yield after each kill."""
    for number in range(200):
        words = [sys.executable, "-c", KILLED, str(root), str(archive), how, str(number)]
        code = subprocess.run(words, check=False, timeout=60).returncode
        if code == 0:
            return
        assert code == -signal.SIGKILL
        yield number
    raise AssertionError("it never came to its end")


def test_a_version_is_there_whole_or_not_at_all(host: Path, archive: Path) -> None:
    kills = 0
    for _ in killed(host, archive, "add"):
        kills += 1
        home = host / "releases/1.0.0"
        if home.exists():
            context = context_of(host)
            assert compare(context.layout, context.manifest).problems == ()
        old = Context(Layout.of(str(host), "0.9.0", {}), "app", {})
        # What all versions share comes before the version that brings it, and works with the older ones.
        shared = {"python-3.11.7-0123456789ab: not part of the release", "bin/app: changed"}
        assert set(compare(old.layout, old.manifest).problems) <= shared
    assert kills >= 4
    context = context_of(host)
    assert compare(context.layout, context.manifest).problems == ()
    assert not list((host / "releases").glob(".unpack-*"))


def test_a_repair_goes_on_where_it_was_killed_and_never_takes_env_sh(host: Path, archive: Path) -> None:
    unpack_archive(context_of(host), str(archive))
    before = files_in(host)
    home = host / "releases/1.0.0"
    (home / "env.sh").write_text("A=1\n")
    (home / "runtime/instance/agent.py").write_text("mine")
    (home / "runtime/supervisor/hooks/hook.py").unlink()
    (home / "more").mkdir()
    (home / "app.pyz").unlink()
    (home / "app.pyz").symlink_to("/etc/hostname")
    (host / "python-3.11.7-0123456789ab/lib/os.py").write_text("mine")
    kills = 0
    for _ in killed(host, archive, "repair"):
        kills += 1
        assert (home / "manifest.json").exists()
        assert (home / "env.sh").read_text() == "A=1\n"
    assert kills >= 4
    assert files_in(host) == before | {"releases/1.0.0/env.sh": b"A=1\n"}


def test_an_archive_that_changes_between_the_two_passes_is_found_out(host: Path, archive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    import gzip

    plain = gzip.decompress(archive.read_bytes())
    copy.write_bytes(plain)
    (tmp_path / "to").mkdir()
    with copy.open("rb") as file:
        contents = read_contents(Archive(file))
        place = plain.index(b"a program")
        with copy.open("r+b") as other:
            other.seek(place)
            other.write(b"b program")
        with pytest.raises(Damaged, match="has changed while it was read"):
            contents.extract(str(tmp_path / "to"))


def test_a_full_disk_is_told_and_leaves_nothing(host: Path, archive: Path) -> None:
    before = files_in(host)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from releaser.runtime.commands.command_line import main;"
        "sys.exit(main([sys.argv[1], '0.9.0', 'unpack', sys.argv[2]]))"
    )
    answer = subprocess.run(
        [sys.executable, "-B", "-c", code, str(host), str(archive)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert f"cannot unpack {archive}: {host}/releases: File too large" in answer.stderr
    assert "now: nothing was unpacked" in answer.stderr
    assert files_in(host) == before
