"""How does a staged tree become the published one, so that a kill at any point leaves the old or the new one?

The timeline, in `_build/ENV/`, under the lock that every build of ENV holds; S is `.staging-PID`:

    1  S/rel/NAME is complete, its manifest written              rel/NAME: old
       versions that have to stay are linked into it (`staying`)
       everything in S is written through to the disk
    2  remove the checksums beside the archive, and their         rel/NAME: old
       signature; rename the archive, then what lies beside it,
       from S over their final names, the checksums last
    3  exchange S/rel/NAME and rel/NAME, renameat2(2)            rel/NAME: new     <- the point of no return
       what was started since 1 is linked into the new tree;
       the new names are written through as well
    4  rename S/rel/NAME/var to rel/NAME/var                     rel/NAME: new, with what was written before
    5  remove S

Killed before 3, the old build is there, and S is a leftover. Killed between 3 and 5, the new one is there, and S holds
the old one, after 4 without its var. Where the file system cannot exchange two names, 3 is two renames: rel/NAME to
S/old/NAME, then S/rel/NAME to rel/NAME; killed between them, rel/NAME is missing until the next build.

What runs never misses a file of its version: the links are in S/rel/NAME before 3, and what is removed in 5 is the
other name of the same files. `var` has its place again after 4.

A power cut is as a kill: what has its final name is whole on the disk. One syncfs(2) does that; an fsync of each file
would cost many times as much.

The next build starts with `repair`, which puts back a missing rel/NAME, carries over a var that was left in S, and
removes S. A folder named var is never removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from releaser.build.tools.disk import Exchange
from releaser.build.tools.lock import STAGING
from releaser.runtime.commands import occupants
from releaser.runtime.release.versions import is_held


def publish_tree(new: Path, published: Path, aside: Path, exchange: Exchange) -> None:
    """Make `new` the published tree; the one that was there is afterwards at `new`, or else at `aside`."""
    published.parent.mkdir(parents=True, exist_ok=True)
    if not published.exists():
        new.rename(published)
    elif not exchange(new, published):
        aside.parent.mkdir(exist_ok=True)
        published.rename(aside)
        new.rename(published)


def carry_var(replaced: Path, published: Path) -> None:
    """Move what the replaced tree's release has written into the published one.

    A `current` that names a version which is no longer there is removed, so that the new one is what boots.
    """
    var = published / "var"
    if not (replaced / "var").is_dir() or var.exists():
        return
    (replaced / "var").rename(var)
    current = var / "current"
    if current.is_file() and not (published / "releases" / current.read_text("utf-8").strip()).is_dir():
        current.unlink()


def repair(target: Path) -> Iterator[str]:
    """Bring `target` into order after builds that were killed, and remove what they left; to be called under the lock.

    Returns a sentence for each thing that a person should know.
    """
    for folder in sorted(target.glob(f"{STAGING}*")):
        for tree in (*sorted(folder.glob("old/*")), *sorted(folder.glob("rel/*"))):
            published = target / "rel" / tree.name
            if tree.parent.name == "old" and not published.exists():
                published.parent.mkdir(exist_ok=True)
                tree.rename(published)
                yield f"put {tree.name} back, which a killed build had moved aside"
                continue
            if (tree / "var").is_dir() and published.is_dir():
                yield from _rescue_var(tree, published, folder.name.removeprefix(STAGING))
        shutil.rmtree(folder)


def prune_bundles(published: Path, keep: Collection[str]) -> None:
    """Remove unpacked bundles of builds that are no longer there; each takes as much room as the app."""
    bundles = published / "var" / "bundles"
    for folder in sorted(bundles.iterdir()) if bundles.is_dir() else ():
        if folder.is_dir() and folder.name not in keep and not folder.name.startswith("."):
            shutil.rmtree(folder, ignore_errors=True)


def is_running(published: Path) -> bool:
    """Tell whether a release runs from this folder, wherever its `var` lies."""
    return is_locked(published) or bool(occupants.found(str(published)))


def is_locked(published: Path) -> bool:
    """Tell whether the supervisor of a release whose `var` lies in this folder lives: it holds a lock."""
    return is_held(str(published / "var" / "run" / "lock"))


def _rescue_var(tree: Path, published: Path, pid: str) -> Iterator[str]:
    if not (published / "var").exists():
        carry_var(tree, published)
        yield f"brought back {tree.name}'s var, which a killed build had not carried over"
        return
    saved = published.parent / f"{tree.name}-var-saved-{pid}"
    (tree / "var").rename(saved)
    yield f"kept an older var of {tree.name} as {saved.name}; the release has made a new one since"
