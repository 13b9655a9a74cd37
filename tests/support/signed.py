"""Archives signed by real OpenSSH keys, which are made for one test and nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from releaser.artifacts.checksums import checksums_file, checksums_of
from releaser.artifacts.signatures import sign
from releaser.runtime.archives.contents import read_contents
from releaser.runtime.archives.reader import Archive


def make_key(folder: Path, name: str) -> Path:
    """Return a private key called `name` in `folder`."""
    program = shutil.which("ssh-keygen")
    if program is None:
        assert not os.environ.get("CI"), "CI must have ssh-keygen"
        pytest.skip("no ssh-keygen here")
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return folder / name


def allow(path: Path, **keys: Path) -> Path:
    """Write a list of allowed signers, `name@example.org` each."""
    lines = [f"{who}@example.org {key.with_suffix('.pub').read_text()}" for who, key in keys.items()]
    path.write_text("".join(lines))
    return path


def signed_copy(archive: Path, folder: Path, key: Path) -> Path:
    """Copy an archive into `folder`, with its record, its checksums and a signature over these beside it."""
    folder.mkdir(exist_ok=True)
    copy = Path(shutil.copy2(archive, folder))
    with copy.open("rb") as file:
        record = checksums_file(copy).with_suffix(".mtree")
        record.write_text(read_contents(Archive(file)).record_text)
    checksums_file(copy).write_text(checksums_of([copy, record]))
    sign(checksums_file(copy), key)
    return copy
