"""A real systemd, as process 1 of namespaces of its own, that knows nothing but the units in one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.waiting import eventually

PROGRAM = Path("/lib/systemd/systemd")
CGROUPS = Path("/sys/fs/cgroup")
TARGETS = ("sysinit", "basic", "shutdown", "umount", "network-online", "multi-user", "sockets", "rescue", "emergency")
"""What units refer to by default. The real ones would clean up /tmp and mount what fstab says."""
BOOT = """\
set -eu
name=$1 folder=$2
for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -w "$group/cgroup.procs" ] && mkdir -p "$group/$name" && echo $$ >"$group/$name/cgroup.procs" || :
done 2>/dev/null
exec unshare --pid --fork --kill-child --mount --cgroup --ipc --uts --mount-proc --propagation private sh -c '
    set -eu
    mount -t tmpfs tmpfs /run
    [ -e /dev/console ] && mount --bind "$1/console" /dev/console
    export container=other SYSTEMD_UNIT_PATH="$1/units" SYSTEMD_LOG_TARGET=console
    exec /lib/systemd/systemd --system --show-status=false
' sh "$folder"
"""


@dataclass(frozen=True, slots=True)
class SystemManager:
    """`units` is the folder of its units, `process` the process 1 of its namespace as this one sees it."""

    units: Path
    process: int

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask it something."""
        inside = ("nsenter", "-t", str(self.process), "-p", "-m", "-C", "-i", "-u", "systemctl", *words)
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=120)

    def becomes(self, unit: str, **wanted: str) -> None:
        """Wait until the properties of a unit are these. Each question is three programs: it is not asked often."""
        eventually(lambda: self.show(unit, *wanted) == [*wanted.values()], within=120, every=0.5)

    def show(self, unit: str, *names: str) -> list[str]:
        """Return properties of a unit, as texts."""
        found = self.systemctl("show", unit, *(f"--property={name}" for name in names)).stdout.splitlines()
        values = dict(line.partition("=")[::2] for line in found)
        return [values.get(name, "") for name in names]


@contextlib.contextmanager
def system_manager(folder: Path, name: str) -> Iterator[SystemManager]:
    """Boot systemd with the units of `folder/units`; skip where this user or this kernel does not let us."""
    if os.getuid() != 0 or not PROGRAM.exists() or not shutil.which("unshare") or not _groups():
        pytest.skip("needs root, systemd and control groups that can be written")
    units = folder / "units"
    units.mkdir(exist_ok=True)
    for target in TARGETS:
        (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\n")
    (units / "default.target").symlink_to("multi-user.target")
    (folder / "console").touch()
    log = (folder / "boot").open("wb")
    boot = subprocess.Popen(
        ("sh", "-c", BOOT, "sh", name, str(folder)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
    )
    try:
        manager = SystemManager(units, eventually(lambda: _first_process_below(boot.pid)))
        manager.becomes("multi-user.target", ActiveState="active")
        yield manager
    finally:
        boot.kill()  # its child, process 1 of the namespace, and all that is in there, go with it
        boot.wait()
        log.close()
        for group in _groups():
            eventually(lambda group=group: _removed(group / name))  # type: ignore[misc]


def _first_process_below(pid: int) -> int:
    """Return the child that is process 1 of its namespace, or 0 while there is none."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if "\t1\n" in Path(f"/proc/{child}/status").read_text().partition("\nNSpid:")[2].partition("\n")[0] + "\n":
                return int(child)
    return 0


def _groups() -> list[Path]:
    return [path.parent for path in CGROUPS.glob("**/cgroup.procs") if path.parent in (CGROUPS, *CGROUPS.iterdir())]


def _removed(group: Path) -> bool:
    """Remove a control group and those below it; false while a process is still in one of them."""
    below = sorted((path.parent for path in group.glob("**/cgroup.procs")), reverse=True)
    try:
        for folder in below:
            folder.rmdir()
    except OSError:
        return False
    return True
