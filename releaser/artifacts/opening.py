"""How is an archive opened here? By the reader that `bin/NAME unpack` has, with its rules, and Zstandard besides."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from releaser.errors import ReleaserError, UsageError
from releaser.runtime.archives.contents import NotAsBuilt
from releaser.runtime.archives.reader import Archive, Damaged, NoArchive, open_file
from releaser.runtime.archives.rules import Refused


class DamagedArtifact(ReleaserError):
    """What begins as an archive cannot be read to its end, or holds what no release holds."""

    exit_code = 3


def check_file(path: Path) -> None:
    """Refuse what is neither a file nor a folder: a pipe would be waited for, and a device never ends.

    Raises:
        OSError: there is nothing, or it may not be looked at.
        UsageError: it is something else.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"cannot read {path}: it is neither a file nor a folder")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open an archive, or the one that follows the script of a file that runs.

    What the reader says against it while it is read is raised as one of these.

    Raises:
        UsageError: it is none.
        DamagedArtifact: it cannot be read to its end, or breaks a rule.
        OSError: the file cannot be read.
    """
    from releaser.artifacts.zstandard import zstd

    try:
        with open_file(str(path)) as file:
            yield Archive(
                file, zstd=lambda packed: cast(IO[bytes], zstd.ZstdFile(packed)), zstd_errors=(zstd.ZstdError,)
            )
    except NoArchive as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    except Damaged as error:
        raise DamagedArtifact(f"cannot read {path}: damaged archive: {error}") from error
    except NotAsBuilt as error:
        raise DamagedArtifact(f"{path} is not as it was built", output=tuple(error.problems)) from error
    except Refused as error:
        raise DamagedArtifact(f"{path} is no release: {error}") from error
