"""Root file systems of hosts that have next to nothing, and how a program is run in one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from releaser.build.tools.elf import read_elf

_ENTER = """\
PATH=$PATH:/usr/sbin:/sbin
mount --rbind /proc "$1/proc" && mount --rbind /dev "$1/dev" && echo entered >&2 && exec chroot "$@"
"""


def entering(root: Path) -> list[str]:
    """Return the words before those of a program for which `root` is all that there is, but for /proc and /dev.

    /proc is there as on every host: the dynamic linker looks there for what $ORIGIN stands for. The program's process
    is the one that is started. Where nobody may change the root of a process, the test is skipped, in CI it fails.
    """
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)
    unshare = shutil.which("unshare")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    if unshare is None:
        _cannot("there is no unshare (util-linux)")
    words = [str(unshare), "--mount", *user, "/bin/sh", "-c", _ENTER, "sh", str(root)]
    tried = subprocess.run([*words, "/nothing"], env={}, capture_output=True, text=True, check=False)
    if not tried.stderr.startswith("entered"):
        _cannot(tried.stderr)
    return words


def _cannot(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has to be able to change the root of a process, and is not: {why}")
    pytest.skip(f"the root of a process cannot be changed here: {why}")


def put_busybox(root: Path) -> None:
    """Put into `root` a busybox, linked statically, with all that it can be called: it needs no C library."""
    path = shutil.which("busybox")
    elf = read_elf(Path(path)) if path else None
    if path is None or elf is None or elf.is_dynamic:
        assert not os.environ.get("CI"), "CI must have busybox-static"
        pytest.skip("no statically linked busybox here")
    (root / "bin").mkdir(parents=True)
    shutil.copy(path, root / "bin/busybox")
    names = subprocess.run([path, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")


def put_musl(root: Path) -> None:
    """Put into `root` the C library musl, where it has to be found."""
    loader = Path(f"/lib/ld-musl-{os.uname().machine}.so.1")
    if not loader.exists():
        assert not os.environ.get("CI"), "CI must have musl"
        pytest.skip("no musl here")
    (root / "lib").mkdir(exist_ok=True)
    shutil.copy(loader, root / "lib" / loader.name)


def put_glibc(root: Path) -> None:
    """Put into `root` this machine's C library and its loader, by the names they go by."""
    for library in _glibc():
        to = root / library.relative_to("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, to)


def _glibc() -> list[Path]:
    names = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2")
    script = "PATH=$PATH:/sbin:/usr/sbin; ldconfig -p"
    listed = subprocess.run(["/bin/sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    found: dict[str, Path] = {}
    machine = read_elf(Path(sys.executable).resolve()).machine  # type: ignore[union-attr]
    for line in listed.splitlines():
        name, arrow, path = line.strip().partition(" (")[0], *line.partition(" => ")[1:]
        elf = read_elf(Path(path)) if arrow and (name in names or name.startswith("ld-linux")) else None
        if elf is not None and elf.machine == machine:
            found.setdefault(name, Path(path))
    loader = next(path for name, path in found.items() if name.startswith("ld-linux"))
    by_interpreter = [Path(folder, loader.name) for folder in ("/lib64", "/lib") if Path(folder, loader.name).exists()]
    return [*found.values(), *by_interpreter]
