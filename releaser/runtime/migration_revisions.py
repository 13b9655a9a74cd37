"""What happens to each revision under the lock: judged, announced, noted in the journal, applied, told."""

from __future__ import annotations

import time

from .failures import Failure
from .migration_backup import copy_name, copy_sqlite
from .migration_dirty import check_clean, check_may_run_ahead, check_not_failed_before, check_resolvable
from .migration_progress import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from alembic.runtime.migration import MigrationContext, RevisionStep

    from .migration_order import Order
    from .migration_progress import Database, Progress
    from .migration_report import Report


class Revisions:
    """The revisions of one run, handed to alembic one by one."""

    def __init__(self, order: Order, progress: Progress, report: Report) -> None:
        self._order = order
        self._scripts = order.scripts
        self._progress = progress
        self._report = report
        self._restore_points: list[str] = []  # of each database that env.py configures, in its order

    def plan(self, found: Iterable[str], context: MigrationContext) -> Iterator[RevisionStep]:
        """Yield the revisions to apply; called by alembic, under the lock, with the heads it has just read."""
        database = self._progress.databases[-1]
        heads = frozenset(found)
        database.was_asked = True
        database.before = database.expected = heads
        if self._order.action == "unlock":
            return
        unknown = [revision for revision in heads if not self._scripts.knows(revision)]
        if unknown:
            entries = database.journal.last() if database.journal is not None else {}
            self._progress.said.append(
                check_may_run_ahead(entries, unknown, self._scripts.heads, self._scripts.knows, self._order.owner[0])
            )
            self._progress.is_ahead = True
            return
        if self._order.action in ("resolve", "stamp"):
            yield from self._say(database, heads)
            return
        steps = [] if database.is_done_by_another else self._order.steps(heads)
        pending = self._scripts.pending(heads)
        if database.journal is not None:
            if not self._order.is_dry:
                database.journal.settle(lambda revision: self._scripts.knows(revision) and revision not in pending)
            database.entries = database.journal.last()
        if self._order.is_dry:
            self._progress.planned += [step.revision.revision for step in steps]
            return
        # After a failed try of an env.py with a transaction of its own around everything, they are pending again.
        if self._order.action == "apply":
            self._progress.applied = [revision for revision in self._progress.applied if revision not in pending]
        if steps and self._order.action == "apply":
            check_clean(database.entries, pending, heads, context.connection, self._order.owner[0])
        if steps:
            self._secure(database, steps, context)
        assert database.statements is not None
        for number, step in enumerate(steps, 1):
            self._report.check_heard()
            title = self._scripts.title(step.revision.revision) + ("" if step.is_upgrade else ": undo")
            label = f"[{number}/{len(steps)}] {title}"
            self._report.begin(number, len(steps), title, lambda: _of_the_revision(database))
            self._begin(database, step.revision.revision, "up" if step.is_upgrade else "down")
            began = time.monotonic()
            yield step
            # Alembic comes back for the next one after it has committed this one.
            if database.journal is not None:
                database.journal.done(database.statements.begun)
            self._progress.at_work = ""
            self._progress.applied.append(step.revision.revision)
            count = max(0, _of_the_revision(database) - 1)  # one is that of the version table
            took_s = time.monotonic() - began
            statements = f"{count} statement" if count == 1 else f"{count} statements"
            self._report.line(f"{label}: done in {took_s:.2f} s, {statements}")

    def _secure(self, database: Database, steps: Sequence[RevisionStep], context: MigrationContext) -> None:
        """Make sure that there is a way back, before anything is changed; once, however often the run begins anew."""
        number = len(self._progress.databases)
        if number <= len(self._restore_points):
            database.restore_point = self._restore_points[number - 1]
            return
        if context.connection is not None and not context._in_external_transaction:
            # That of the question where the database is: nobody should find it locked while hooks take their time.
            context.connection.commit()
        self._order.before.run([self._described(step) for step in steps], number)
        if database.path and self._order.settings.backup != "off":
            if not database.is_new_file:
                name = copy_name(self._order.settings.name, self._order.target)
                database.restore_point = copy_sqlite(database.path, self._order.backups, name)
                self._report.line(f"the database was copied to {database.restore_point}")
        elif database.journal is not None:
            database.restore_point = database.journal.position(" ".join(self._order.owner))
            if database.restore_point:
                self._report.line(f"restore point: {database.restore_point}")
        self._restore_points.append(database.restore_point)

    def _described(self, step: RevisionStep) -> tuple[str, str, str]:
        """Return id, phase and title; in the place of the phase it says what is to be undone."""
        revision = step.revision.revision
        title = self._scripts.title(revision).removeprefix(revision).strip()
        return revision, self._scripts.phase(revision) if step.is_upgrade else "undo", title

    def _say(self, database: Database, heads: frozenset[str]) -> Iterator[RevisionStep]:
        """Do what a person has decided about a revision: nothing of it is executed."""
        pending = self._scripts.pending(heads)
        revision, title = self._order.destination, self._scripts.title(self._order.destination)
        journal = database.journal
        if journal is not None:
            journal.settle(lambda other: self._scripts.knows(other) and other not in pending)
        if self._order.action == "resolve":
            entry = journal.last().get(revision) if journal is not None else None
            check_resolvable(entry, revision, pending, heads)
            if self._order.resolution == "retry":
                self._progress.said.append(f"{title} will be applied again")
                if journal is not None:
                    journal.say(revision, "resolved")
                return
        elif heads and not self._order.is_forced:
            raise Failure(
                f"cannot mark {title} as applied: the database is already at {told(heads)}",
                now="nothing was changed",
                hint="--force marks it nevertheless",
            )
        self._progress.said.append(f"{title} is marked as applied, and nothing of it was executed")
        if database.statements is not None:
            database.statements.reset()
        yield from self._scripts.directory._stamp_revs(revision, tuple(heads))  # type: ignore[misc]
        if journal is not None:
            journal.say(revision, "done", error="resolved by hand" if self._order.action == "resolve" else "stamped")

    def _begin(self, database: Database, revision: str, direction: str) -> None:
        """Make everything ready for a revision."""
        assert database.statements is not None
        digest = self._scripts.digest(revision)
        if self._order.is_at_start:
            check_not_failed_before(database.entries.get(revision), digest, self._order.owner)
        database.statements.reset()
        if database.journal is not None:
            database.journal.begin(
                revision,
                direction=direction,
                sha256=digest,
                phase=self._scripts.phase(revision),
                compatible=self._scripts.compatible(revision),
                restore_point=database.restore_point[:200],
            )
        self._progress.at_work = revision

    def on_version_apply(self, *, heads: Iterable[str], **more: Any) -> None:
        """Hear from alembic that the version table names a revision."""
        database = self._progress.databases[-1]
        database.expected = frozenset(heads)
        if database.statements is not None:
            database.statements.is_recorded()


def _of_the_revision(database: Database) -> int:
    """Return how many statements the revision at work has sent."""
    return database.statements.begun if database.statements is not None else 0
