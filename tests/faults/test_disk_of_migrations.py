"""A disk that is full while an SQLite database is migrated: at the copy before, at the journal, in the revision itself.

A small tmpfs is the disk, in a mount namespace of the runner's own, which any user may have.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from support.driving import run
from support.handmade import Handmade
from support.migrated import ACCOUNTS, revision, write_migrated

UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
WIDE = "x" * 200
GROWING = revision(
    "a004",
    "a003",
    "grow",
    'op.execute("UPDATE account SET balance = balance + 1")',
    'op.execute("CREATE TABLE much (text TEXT)")',
    'op.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)'
    f" INSERT INTO much SELECT '{WIDE}' FROM n\")",
)


class Disk:
    """A folder that becomes a disk of its own while a command runs; what is in it is carried there and back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = folder / "mounted"
        self.mounted.mkdir(parents=True)
        self._content = folder / "content"
        self._content.mkdir()

    @property
    def database(self) -> Path:
        """Where the database is between the commands."""
        return self._content / "data.db"

    def run(
        self, argv: list[str], *, size_kib: int, filled: bool = False, tiny: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command while the disk has `size_kib`, of which nothing is left if it is `filled`.

        The folder `tiny` is a disk of 8 KiB meanwhile, and what is left in it comes as the last line.
        """
        content, mounted = shlex.quote(str(self._content)), shlex.quote(str(self.mounted))
        steps = [
            f"mount -t tmpfs -o size={size_kib}k tmpfs {mounted}",
            f"cp -a {content}/. {mounted}",
            *([f"dd if=/dev/zero of={mounted}/rest bs=1k 2>/dev/null || true"] if filled else []),
            *([f"mkdir -p {tiny}; mount -t tmpfs -o size=8k tmpfs {tiny}"] if tiny else []),
            f"code=0; {shlex.join(argv)} || code=$?",
            *([f"echo left: $(ls -A {tiny})"] if tiny else []),
            f"rm -f {mounted}/rest; cp -a {mounted}/. {content}",
            "exit $code",
        ]
        environ = {"DATABASE_URL": f"sqlite:///{self.mounted}/data.db"}
        return run([*UNSHARE, "sh", "-ec", "\n".join(steps)], environ=environ)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A small disk with a database at a003."""
    probe = [*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("mount namespaces are not to be had, and CI needs them")
        pytest.skip("mount namespaces are not to be had")
    disk = Disk(tmp_path / "disk")
    prepared = run(
        release_of(tmp_path / "before").command("migrate", "--to", "a003"),
        environ={"DATABASE_URL": f"sqlite:///{disk.database}"},
    )
    assert prepared.returncode == 0, prepared.stderr
    return disk


def release_of(root: Path, **settings: str) -> Handmade:
    return write_migrated(root, {**ACCOUNTS, "a004": GROWING}, settings=settings)


def state(disk: Disk) -> tuple[str, int, int]:
    """Return version and balance, and how many tables are called `much`."""
    with closing(sqlite3.connect(disk.database)) as connection:
        (version,), (balance,), (count,) = (
            connection.execute(statement).fetchone()
            for statement in (
                "SELECT version_num FROM alembic_version",
                "SELECT balance FROM account",
                "SELECT count(*) FROM sqlite_master WHERE name = 'much'",
            )
        )
    return version, balance, count


def test_a_revision_that_fills_the_disk_is_rolled_back_and_applied_when_there_is_room(
    disk: Disk, tmp_path: Path
) -> None:
    release = release_of(tmp_path / "release", backup="off")
    failed = disk.run(release.command("migrate"), size_kib=1024)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: revision a004 grow failed: database or disk is full\n")
    assert "now: the database is at a003; a004 was rolled back\n" in failed.stderr
    assert state(disk) == ("a003", 1001, 0)
    again = disk.run(release.command("migrate"), size_kib=32768)
    assert again.returncode == 0, again.stderr
    assert state(disk) == ("a004", 1002, 1)


def test_nothing_is_migrated_where_the_copy_does_not_fit(disk: Disk, tmp_path: Path) -> None:
    release = release_of(tmp_path / "release")
    failed = disk.run(release.command("migrate"), size_kib=1024, tiny=release.root / "var" / "backups")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: cannot copy the database ")
    assert "  now: nothing was migrated\n" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert state(disk) == ("a003", 1001, 0)
    assert failed.stdout.splitlines()[-1] == "left:"


def test_where_not_even_the_journal_fits_nothing_is_migrated(disk: Disk, tmp_path: Path) -> None:
    release = release_of(tmp_path / "release", backup="off")
    failed = disk.run(release.command("migrate"), size_kib=200, filled=True)
    assert failed.returncode == 1
    assert "disk is full" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert state(disk) == ("a003", 1001, 0)
