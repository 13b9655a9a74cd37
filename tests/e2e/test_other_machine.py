"""A release that was built for aarch64 lives on one, as far as qemu's is one, whose Python and shell are real.

`RELEASER_AARCH64_ROOT` names the root file system: of Debian's packages for arm64, unpacked with `dpkg-deb -x`, those
of python3.11-minimal, libpython3.11-stdlib, what these depend on, and busybox-static, and /bin/sh linked to busybox.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.builds import built
from support.running import Release, ended
from support.tiny_project import CONFIG, make_tiny_project

_ENTER = """\
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' "$1" >/proc/sys/fs/binfmt_misc/register
shift
mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$@"
"""
"""In a namespace of users, where kernel 6.7 and newer know whose program files are whose."""
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
APP = """\
import os, signal, threading

def main():
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    ending.wait()

def machine():
    return os.uname().machine
"""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A server without dependencies, built for aarch64, where its launcher is run by that machine's shell."""
    root = Path(os.environ.get("RELEASER_AARCH64_ROOT", "/nonexistent"))
    qemu = shutil.which("qemu-aarch64-static")
    if qemu is None or not root.is_dir():
        pytest.skip("needs qemu-user-static, and a root file system for aarch64 in RELEASER_AARCH64_ROOT")
    settings = '[environment.prod]\npython_version = "3.11"\nplatform = "manylinux_2_28_aarch64"\n'
    project = make_tiny_project(tmp_path / "project", config=CONFIG.replace("[environment.prod]\n", settings))
    (project / "src/tiny/app.py").write_text(APP)
    shutil.copytree(root, tmp_path / "root", symlinks=True)
    place = tmp_path / "root/opt/tiny"
    shutil.copytree(built(project), place, symlinks=True)
    for name in ("proc", "dev", "tmp", "scratch"):
        (tmp_path / "root" / name).mkdir(exist_ok=True)
    program = f":aarch64:M::{_MAGIC}:{_MASK}:{qemu}:F"
    words = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ENTER, "sh", program)
    with ended(
        Release(
            root=place,
            name="tiny",
            scratch=tmp_path,
            shell=(*words, str(tmp_path / "root")),
            link=Path("/opt/tiny/bin/tiny"),
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
    ) as release:
        yield release


def test_what_was_built_for_another_machine_lives_there(release: Release) -> None:
    begun = release.run("start")
    assert begun.returncode == 0, begun.stderr
    assert release.run("rpc", "tiny.app:machine").stdout == "aarch64\n"
    code = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'from tiny.app import *; print(machine())'])"
    assert release.run("eval", code).stdout == "aarch64\n"
    assert release.run("verify").returncode == 0
    assert release.run("stop").returncode == 0
