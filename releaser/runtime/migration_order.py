"""What one run is to do with one database, and which revisions that means."""

from __future__ import annotations

from .failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep

    from .migration_hooks import BeforeTheFirst
    from .migration_scripts import Scripts

DEFAULT = "default"
"""The name of a database that has none, because it is the only one."""


class Order:
    """What is to be done; nothing here changes."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        to: str = "head",
        is_dry: bool,
        owner: tuple[str, str],
        lock_wait_s: float,
        is_at_start: bool = False,
        action: str = "apply",
        resolution: str = "",
        is_forced: bool = False,
        backups: str = "",
        phase: str = "",
        target: str = "",
        schema: str = "",
        is_listing: bool = False,
        is_one_of_several: bool = False,
        before: BeforeTheFirst,
    ) -> None:
        """Find the destination.

        Raises:
            Failure: the release has no revision `to`.
        """
        self.scripts = scripts
        self.settings = scripts.record
        self.destination = "heads" if action == "unlock" else scripts.destination(to)
        if action in ("stamp", "resolve") and self.destination == "heads":
            (self.destination,) = scripts.heads
        self.is_dry = is_dry
        self.is_listing = is_listing  # a dry run that tells what is there, whatever it is
        self.owner = owner  # name and version of the release
        words = [f"bin/{owner[0]} migrate", *([self.settings.name] if is_one_of_several else [])]
        self.command = " ".join([*words, *([f"--target {target}"] if target else [])])
        """What a person types for this database."""
        self.lock_wait_s = lock_wait_s
        self.is_at_start = is_at_start
        self.action = action  # one of `Options.action`
        self.resolution = resolution
        self.is_forced = is_forced
        self.backups = backups  # the folder of copies
        self.target = target  # the tenant, "" if there are none
        self.schema = schema  # the tenant's own, of PostgreSQL, or ""
        self.before = before
        self.phase = phase  # "pre" stops before the first revision of phase post; "" and "post" do not

    def unlock(self) -> str:
        """Return the command that ends the session of whoever holds the lock."""
        return f"{self.command} --unlock --force"

    @property
    def goes_back(self) -> bool:
        """Whether the database may be at an older revision afterwards."""
        return self.action == "down" or self.resolution == "undone"

    def steps(self, heads: frozenset[str]) -> list[RevisionStep]:
        """Return what leads from `heads` to the destination; nothing if the destination has been passed."""
        if self.action == "down":
            return list(self.scripts.directory._downgrade_revs(self.destination, tuple(heads)))  # type: ignore[arg-type]
        ids = self.scripts.pending(heads)
        if self.scripts.knows(self.destination) and self.destination not in ids:
            return []
        if self.destination.startswith("+") and int(self.destination) > len(ids):
            raise Failure(
                f"cannot go {int(self.destination)} revisions further: there are only {len(ids)} to go",
                now="nothing was migrated",
            )
        steps = self.scripts.directory._upgrade_revs(self.destination, tuple(heads))  # type: ignore[arg-type]
        return self._of_phase(steps)

    def _of_phase(self, steps: list[RevisionStep]) -> list[RevisionStep]:
        """Return the steps before the first one of phase post that is this release's if only those are wanted.

        Those of phase post that a release before has brought are due: its predecessor is gone.

        Raises:
            Failure: one of phase pre comes later, and would be left out.
        """
        if self.phase != "pre":
            return steps
        phases = [
            "pre" if self.scripts.is_released(step.revision.revision) else self.scripts.phase(step.revision.revision)
            for step in steps
        ]
        if "post" not in phases:
            return steps
        first = phases.index("post")
        if "pre" in phases[first:]:
            late = steps[first + phases[first:].index("pre")].revision.revision
            raise Failure(
                f"{self.scripts.title(late)} is of phase pre, and comes after"
                f" {self.scripts.title(steps[first].revision.revision)} of phase post",
                now="nothing was migrated",
                hint="if no process of an older release runs, migrate without --phase; else split the release",
            )
        return steps[:first]
