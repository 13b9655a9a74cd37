"""Runs the installed command `releaser`, and looks at what it has made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from releaser.runtime.release.checking.record import NAME, load

RELEASER = Path(sys.executable).parent / "releaser"


def releaser(project: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run `releaser` in `project` with `changes` to the environment, and return how it ended."""
    return subprocess.run(
        [RELEASER, *words],
        cwd=project,
        env=clean_environment() | changes,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def releaser_where(mounts: str, project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `releaser` in `project` in a mount namespace of its own, after the shell's line `mounts`.

    Where there are none, the test is skipped, in CI it fails.
    """
    unshare = ("unshare", "--user", "--map-root-user", "--mount")
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        assert not os.environ.get("CI"), "CI must have mount namespaces"
        pytest.skip("mount namespaces are not to be had")
    return subprocess.run(
        [*unshare, "sh", "-ec", f'{mounts}\nexec "$@"', "sh", RELEASER, *words],
        cwd=project,
        env=clean_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def read_only(folder: str) -> str:
    """Return the shell's line that makes a folder a read-only file system, for `releaser_where`."""
    return f"mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}"


def built(project: Path, *words: str, **changes: str) -> Path:
    """Build `project`, which must work, and return the folder of the release; its name is that of the project."""
    done = releaser(project, "build", *words, **changes)
    assert done.returncode == 0, done.stderr + done.stdout
    environment = words[words.index("--env") + 1] if "--env" in words else "prod"
    return project / "_build" / environment / "rel" / "tiny"


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would change a build."""
    names = ("SOURCE_DATE_EPOCH", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in names}


def manifest_of(release: Path, version: str = "1.0.0") -> dict[str, Any]:
    text = (release / "releases" / version / "manifest.json").read_text(encoding="utf-8")
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def recorded_in(version: Path) -> set[str]:
    """Return the paths below a version's folder that its record speaks of."""
    own = f"releases/{version.name}/"
    return {path.removeprefix(own) for path in load(str(version / NAME)) if path.startswith(own)}


def beside(version: str) -> list[str]:
    """Return the names of what a build of `tiny` leaves beside the release's folder."""
    return [f"tiny-{version}.{ending}" for ending in ("cdx.json", "mtree", "provenance.json", "sha256", "tar.gz")]


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below `folder`, links as their target."""
    return {
        str(path.relative_to(folder)): os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
