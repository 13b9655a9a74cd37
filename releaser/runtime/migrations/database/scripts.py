"""Which revisions this release carries: alembic's configuration and script folder, as they were shipped."""

from __future__ import annotations

import hashlib
import os

from alembic.config import Config
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory

from ...release.failures import DAMAGED, USAGE, Failure
from ..failures import RELEASE_DAMAGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

    from alembic.script import Script

    from ...release.manifest import Migrations

SHOWN = 5
"""Of how many revisions the ids stand in a message."""


class Scripts:
    """The revisions of one database, loaded: alembic's own objects and the questions that are asked of them."""

    def __init__(self, record: Migrations, release: str, url: str) -> None:
        """Load the scripts of `record` below the version's folder `release`.

        `url` replaces the configuration's `sqlalchemy.url` unless it is empty.

        Raises:
            Failure: they cannot be loaded (3), or are not those that the release was built with (16).
        """
        self.folder = os.path.join(release, record.scripts)
        self.config = load_config(os.path.join(release, record.config) if record.config else "", self.folder, url)
        self.record = record
        self._release = release
        self._digests: dict[str, str] = {}
        self._pending: dict[frozenset[str], frozenset[str]] = {}
        try:
            self.directory = ScriptDirectory.from_config(self.config)
            self._by_id = {script.revision: script for script in self.directory.walk_revisions()}
        except Exception as error:
            raise Failure(
                f"cannot load the migrations in {self.folder}: {type(error).__name__}: {error}",
                DAMAGED if os.path.isabs(record.scripts) else RELEASE_DAMAGED,
                now="nothing was migrated",
            ) from error
        if not os.path.isabs(record.scripts):
            self._compare(record)

    @property
    def heads(self) -> frozenset[str]:
        return frozenset(self.directory.get_heads())

    def line(self) -> list[Script]:
        """Return every revision, each after those it builds on."""
        return list(reversed(self._by_id.values()))

    def knows(self, revision: str) -> bool:
        """Tell whether the release has a revision of exactly this id."""
        return revision in self._by_id

    def title(self, revision: str) -> str:
        """Return a revision as people know it: id, and the first line of its docstring."""
        doc = (self._by_id[revision].doc or "").strip().splitlines()
        return f"{revision} {doc[0]}" if doc else revision

    def phase(self, revision: str) -> str:
        """Return when a revision is due: "pre" (before the new code) or "post" (after the last old process)."""
        return str(self._said(revision).get("phase", "pre"))

    def compatible(self, revision: str) -> int:
        """Return whether the release before may run on the database with this revision: 1, 0, or -1 if nobody knows.

        What its author says holds; else what the build could tell from its operations.
        """
        said = self._said(revision).get("compatible", self.record.compatible.get(revision))
        return -1 if said is None else int(bool(said))

    def is_released(self, revision: str) -> bool:
        """Tell whether a release before this one is known to have the revision."""
        line = self.record.line
        return self.record.released in line and revision in line[: line.index(self.record.released) + 1]

    def _said(self, revision: str) -> dict[str, Any]:
        """Return what the author says in `release = {...}` of the revision's file."""
        said = getattr(self._by_id[revision].module, "release", None)
        return said if isinstance(said, dict) else {}

    def digest(self, revision: str) -> str:
        """Return the sha256 of a revision's file, as it was when that was first asked: it is loaded, and stays so."""
        if revision not in self._digests:
            self._digests[revision] = _digest(self._by_id[revision].path)
        return self._digests[revision]

    def pending(self, heads: Iterable[str]) -> frozenset[str]:
        """Return the revisions that a database at `heads`, all of them known, lacks."""
        at = frozenset(heads)
        if at not in self._pending:
            steps = self.directory.iterate_revisions("heads", tuple(at), implicit_base=True)
            self._pending[at] = frozenset(script.revision for script in steps)
        return self._pending[at]

    def up_to(self, revision: str) -> set[str]:
        """Return the revision and every one that it builds on."""
        return {script.revision for script in self.directory.iterate_revisions(revision, "base", inclusive=True)}

    def ready(self, pending: Collection[str]) -> list[str]:
        """Return those of the pending revisions that build on none of the others."""
        return [name for name in pending if not set(self._by_id[name]._all_down_revisions) & set(pending)]

    def step_without_effect(self, revision: str, *, is_upgrade: bool) -> RevisionStep:
        """Return the step over a revision, up or down, that changes the version table and executes nothing."""
        script = self._by_id[revision]
        step = RevisionStep(self.directory.revision_map, script, is_upgrade)
        step.migration_fn = _nothing
        return step

    def destination(self, to: str) -> str:
        """Return what alembic is told for `to`: `heads`, a full revision id, or `+2`.

        Raises:
            Failure: the release has no such revision; exit code 2.
        """
        if to == "base":
            return "base"
        if to in ("head", "heads"):
            return "heads"
        if to.startswith("+"):
            return to
        found = [revision for revision in self._by_id if revision.startswith(to)]
        if to in self._by_id:
            return to
        if len(found) == 1:
            return found[0]
        raise self._ambiguous(to, found) if found else self._no_such(to)

    def place_of(self, error: BaseException) -> str:
        """Return the last place below the script folder that `error` came through, as `path:line`, or ""."""
        place, trace = "", error.__traceback__
        while trace is not None:
            path = os.path.realpath(trace.tb_frame.f_code.co_filename)
            if path.startswith(os.path.realpath(self.folder) + os.sep):
                place = f"{self._shown(path)}:{trace.tb_lineno}"
            trace = trace.tb_next
        return place

    def _shown(self, path: str) -> str:
        root = os.path.realpath(os.path.dirname(os.path.dirname(self._release)))
        return os.path.relpath(path, root) if path.startswith(root + os.sep) else path

    def _ambiguous(self, to: str, found: list[str]) -> Failure:
        names = sorted(found)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return _wrong(
            f"cannot migrate to {to!r}: it is the beginning of {', '.join(names[:SHOWN])}{more}",
            "more characters of the id say which is meant",
        )

    def _no_such(self, to: str) -> Failure:
        label, at, _ = to.partition("@")
        if any(label in (script.branch_labels or ()) for script in self._by_id.values()):
            return _wrong(
                f"cannot migrate to {to!r}: {label!r} is the label of a branch, and a revision is named by its id",
                "`migrations` lists what the release has",
            )
        if at or any(sign in to for sign in "+-"):
            return _wrong(
                f"cannot migrate to {to!r}: expected the id of a revision, or +2 for two further than the database is",
                "`migrations` lists what the release has",
            )
        import difflib

        near = difflib.get_close_matches(to, self._by_id, n=1)
        return _wrong(
            f"cannot migrate to {to!r}: this release has no such revision",
            f"did you mean {near[0]!r}?" if near else "`migrations` lists what the release has",
        )

    def _compare(self, record: Migrations) -> None:
        wanted, found = set(record.line), set(self._by_id)
        details = [f"revision {revision} is missing" for revision in record.line if revision not in found]
        details += [f"{self._shown(self._by_id[extra].path)} is not part of it" for extra in sorted(found - wanted)]
        details += [
            f"{self._shown(self._by_id[revision].path)} was changed after the build"
            for revision, digest in record.files.items()
            if revision in found and self.digest(revision) != digest
        ]
        if details:
            raise Failure(
                "this release is damaged: its migrations are not those it was built with",
                RELEASE_DAMAGED,
                details=tuple(details),
                now="nothing was migrated",
                hint="`unpack --repair` of its archive puts them back",
            )


def load_config(path: str, folder: str, url: str) -> Config:
    """Return the author's configuration with the script folder, and `url` unless it is empty, put in.

    `path` is an alembic.ini or a pyproject.toml, or "" for none. Alembic lets a project have both, so the other one
    is read as well if it lies beside it.
    """
    here, name = os.path.split(path)
    files = {name, "alembic.ini", "pyproject.toml"} if name else set()
    ini = [file for file in files if not file.endswith(".toml") and os.path.isfile(os.path.join(here, file))]
    ini.sort(key=lambda file: file != name)
    toml = [os.path.join(here, file) for file in files if file.endswith(".toml")]
    toml = [file for file in toml if os.path.isfile(file)]
    chosen = os.path.join(here, ini[0]) if ini else None
    try:
        config = Config(chosen, toml_file=toml[0] if toml else None)
    except TypeError:  # alembic before 1.16 knows no toml
        config = Config(chosen)
    config.set_main_option("script_location", _escaped(folder))
    # What these two said was true in the source tree. The bundle is on sys.path already, and a release
    # carries one folder of revisions.
    config.set_main_option("prepend_sys_path", "")
    config.set_main_option("version_locations", "")
    toml_section = getattr(config, "toml_alembic_config", {})
    if toml_section:
        kept = {key: toml_section[key] for key in toml_section if key not in ("prepend_sys_path", "version_locations")}
        config.__dict__["toml_alembic_config"] = kept
    # The scripts of a release are plain files; byte code beside them could revive a revision that was deleted.
    config.set_main_option("sourceless", "false")
    if url:
        config.set_main_option("sqlalchemy.url", _escaped(url))
    return config


def _wrong(what: str, hint: str) -> Failure:
    return Failure(what, USAGE, now="nothing was migrated", hint=hint)


def _escaped(value: str) -> str:
    """Return `value` as configparser's interpolation wants it."""
    return value.replace("%", "%%")


def _nothing(**words: object) -> None:
    """Stand in the place of what a revision does."""


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
