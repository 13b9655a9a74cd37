"""Where does a build put things until they are published, and what have its steps found out so far?"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from releaser.build.stage.found import Library, LinkedIn
from releaser.build.tools.ahead import Ahead
from releaser.build.tools.cache import Cache
from releaser.build.tools.commands import Run
from releaser.build.tools.disk import Disk
from releaser.build.tools.installers import Installer
from releaser.build.tools.layers import Linked
from releaser.build.tools.lock import STAGING
from releaser.build.tools.report import Report
from releaser.errors import Problem
from releaser.plan.plan import Plan
from releaser.runtime.release.checking.record import Member
from releaser.runtime.release.manifest import Entry, Migrations

if TYPE_CHECKING:
    from releaser.build.stage.plugins import Plugins


class Finding(Protocol):
    """What one rule has against a revision."""

    @property
    def rule(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def instead(self) -> str: ...
    def sentence(self) -> str: ...


class Graph(Protocol):
    """The revision graph of a project's migrations, as `releaser.migrations` reads it."""

    @property
    def line(self) -> tuple[str, ...]: ...
    @property
    def heads(self) -> tuple[str, ...]: ...
    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def version_table(self) -> str: ...
    @property
    def version_table_schema(self) -> str: ...
    @property
    def url_is_used(self) -> bool: ...
    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def trouble(self) -> str: ...
    @property
    def compatible(self) -> Mapping[str, bool]: ...
    def out_of_order(self, known: Collection[str]) -> tuple[Problem, ...]: ...


class ReadGraph(Protocol):
    """Reads the revision graph of a folder of alembic scripts, with the bundle's own alembic."""

    def __call__(
        self,
        scripts: Path,
        *,
        python: Path,
        site_packages: Path,
        source_paths: tuple[str, ...],
        config: Path | None,
        root: Path | None,
        own_modules: tuple[str, ...],
        lint_ignore: tuple[str, ...],
        squawk: Path | None,
    ) -> Graph: ...


@dataclass(slots=True, kw_only=True)
class Stage:
    """One build under way. Steps before others leave here what those need."""

    plan: Plan
    report: Report
    run: Run
    installer: Installer
    read_graph: ReadGraph
    epoch: int
    """Seconds since 1970 that every date in an artifact says; at least that of 1980, the first that zip knows."""
    folder: Path
    cache: Cache
    disk: Disk
    plugins: Plugins | None
    """None: there are none."""

    ahead: Ahead = field(default_factory=Ahead)
    """What is done in threads."""
    linked: Linked = field(default_factory=Linked)
    """What of site-packages is linked from layers of the cache."""
    project: Path = Path()
    wheel: Path = Path()
    local_wheels: dict[Path, Path] = field(default_factory=dict)
    """Wheels of other projects of the same repository, by the project's folder."""
    project_files: tuple[str, ...] = ()
    """Files of the project, and of those beside it, in the bundle, below site-packages, metadata left out."""
    source_paths: tuple[Path, ...] = ()
    is_tree: bool = False
    """Whether the project's files as they lie are the app, and no wheel."""
    tree_seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """State of each file of the staged tree before any step ran."""
    tree_shipped: set[str] = field(default_factory=set)
    """What of it goes into the bundle."""
    tree_files: tuple[str, ...] = ()
    """What does, once that is settled."""
    tree_place: str = ""
    """What the manifest says of where the tree is; empty: there is none."""
    tree_paths: tuple[str, ...] = ()
    """Folders of it that come first when a module is imported."""
    shared: tuple[str, ...] = ()
    """Paths of it that live in `var/shared`; those of folders end in `/`."""
    pth: tuple[str, ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    """What each process runs, by its name; found when the bundle is checked."""
    migrations: tuple[Migrations, ...] = ()
    has_extensions: bool = False
    bundle_id: str = ""
    bundle_cuts: list[int] = field(default_factory=list)
    """Offsets in the bundle from which on it is the same as in the build before, as long as the dependencies are."""
    bundled_python: str = ""
    full_version: str = ""
    glibc: str = ""
    """The oldest glibc that the release runs on; empty when it needs none of the host, or nobody asked."""
    libraries: tuple[Library, ...] = ()
    """Shared libraries that were copied along with the interpreter."""
    linked_in: tuple[LinkedIn, ...] = ()
    """Libraries that are part of its program files."""
    interpreter_members: dict[str, Member] = field(default_factory=dict)
    """The sha256 of each of its files, in the form of sha256sum(1)."""
    was_running: bool = False
    """Whether a release ran from the published folder when it was replaced."""
    staying: tuple[str, ...] = ()
    """Versions of the tree that is replaced which are in the new one as well."""
    is_published: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """What becomes the release's folder."""
        return self.folder / "rel" / self.plan.sketch.name

    @property
    def release(self) -> Path:
        return self.root / "releases" / self.plan.sketch.version

    @property
    def site_packages(self) -> Path:
        return self.folder / "site-packages"

    @property
    def tree(self) -> Path:
        """The project's files as they lie, where an unpacked bundle has them."""
        return self.folder / "bundle" / "app"

    @property
    def import_roots(self) -> tuple[Path, ...]:
        """The folders that modules are looked for in, in order."""
        own = (Path(os.path.normpath(self.tree / path)) for path in self.tree_paths)
        return (*(own if self.tree_place == "app" else ()), *self.source_paths, self.site_packages)

    @property
    def modules_of_tree(self) -> tuple[str, ...]:
        """The modules of the tree, by their path below the first folder that they are imported from."""
        below_all = [f"{path}/" if path else "" for path in self.tree_paths]
        first = {name: next((each for each in below_all if name.startswith(each)), "") for name in self.tree_files}
        return tuple(sorted(name.removeprefix(first[name]) for name in self.tree_files if name.endswith(".py")))

    @property
    def bundle(self) -> Path:
        """The zipapp."""
        return self.release / f"{self.plan.sketch.name}.pyz"

    @property
    def scripts(self) -> Path:
        """Console scripts of the bundle, kept out of it: their first line names this machine's Python."""
        return self.folder / "scripts"

    @property
    def archive(self) -> Path:
        return self.folder / self.plan.archive.name

    @property
    def replaced(self) -> Path:
        """Where the release's folder that was there before goes, on file systems that cannot exchange two names."""
        return self.folder / "old" / self.plan.sketch.name


def staging_folder(target: Path) -> Path:
    """Return the folder of this process's build below `target`."""
    return target / f"{STAGING}{os.getpid()}"
