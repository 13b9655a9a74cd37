"""What happens to each revision under the lock: judged, announced, noted in the journal, applied, told."""

from __future__ import annotations

import time

from ...release.failures import Failure
from ..failures import AHEAD
from ..journal.attempts import RESOLVED, newest, resolved_by_hand
from ..journal.backup import copy_name, copy_sqlite
from ..journal.dirty import (
    UNDO,
    check_clean,
    check_may_run_ahead,
    check_not_failed_before,
    half_way,
    nothing_to_resolve,
)
from ..locks.lock import is_held
from .progress import told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any

    from alembic.runtime.migration import MigrationContext, RevisionStep

    from ..journal.attempts import Entry
    from ..output.report import Report
    from .configured import Database
    from .order import Order
    from .progress import Progress

_VERBS = {"down": "undo anything", "resolve": "resolve anything", "stamp": "mark a revision"}


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
            self._progress.is_ahead = True
            self._judge_ahead(database, unknown)
            return
        pending = self._scripts.pending(heads)
        left = self._read_journal(database, pending, context)
        if self._order.action == "stamp":
            # Whatever it says of the others, it would have what is half there applied, or undone, twice or not at all.
            check_clean(left, heads, context.connection, database.earlier, self._order.command)
            yield from self._stamp(database, heads)
            return
        if self._order.action == "resolve":
            yield from self._resolve(database, left, heads)
            return
        steps = [] if database.is_done_by_another else self._order.steps(heads)
        # After a failed try of an env.py with a transaction of its own around everything, they are pending again.
        if self._order.action == "apply" and not self._order.is_dry_run:
            self._progress.applied = [revision for revision in self._progress.applied if revision not in pending]
        if self._order.phase == "pre" and not steps:
            # One of phase post is not due: a start does not wait for the repair of what the code does not need yet.
            left = [entry for entry in left if entry.direction == UNDO]
        if not self._order.is_listing:
            check_clean(left, heads, context.connection, database.earlier, self._order.command)
        if self._order.is_dry_run:
            self._progress.planned += [step.revision.revision for step in steps]
            return
        if steps:
            self._secure(database, steps, context)
        assert database.statements is not None
        for number, step in enumerate(steps, 1):
            self._report.check_heard()
            title = self._scripts.title(step.revision.revision) + ("" if step.is_upgrade else ": undo")
            label = f"[{number}/{len(steps)}] {title}"
            self._report.begin(number, len(steps), title, lambda: _of_the_revision(database))
            self._begin(database, step.revision.revision, "up" if step.is_upgrade else UNDO)
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

    def _judge_ahead(self, database: Database, unknown: Sequence[str]) -> None:
        """Say who has brought the database further, if this release may run on it, or only has to list what is there.

        Raises:
            Failure: it may not, or it was asked to change something.
        """
        database.history = database.journal.entries() if database.journal is not None else []
        if self._order.is_listing:
            return
        entries, own = newest(database.history), self._scripts.heads
        ahead = check_may_run_ahead(entries, unknown, own, self._scripts.knows, self._order.command)
        if self._order.action != "apply":
            raise Failure(
                f"cannot {_VERBS[self._order.action]}: {ahead}, and knows nothing of what came after it",
                AHEAD,
                now="nothing was changed",
                hint="the release that has brought it there can",
            )
        self._progress.told.append(ahead)

    def _read_journal(self, database: Database, pending: Collection[str], context: MigrationContext) -> list[Entry]:
        """Note what the journal says of the revisions, and return those that were left half-way."""
        journal = database.journal
        if journal is None:
            return []

        def is_reached(revision: str) -> bool:
            return self._scripts.knows(revision) and revision not in pending

        if not self._order.is_dry_run:
            journal.settle(is_reached)
        database.history = journal.entries()
        database.entries = newest(database.history)
        database.earlier = resolved_by_hand(database.history)
        found = half_way(database.history, is_reached, self._scripts.knows)
        running = frozenset(
            entry.revision
            for entry in database.entries.values()
            if entry.state == "running" and is_reached(entry.revision) == (entry.direction == UNDO)
        )
        # Without the lock, what looks as if its process had been killed may be at work.
        if running and self._order.is_dry_run and self._is_locked_by_another(database, context):
            database.at_work = running
        return [entry for entry in found if entry.revision not in database.at_work]

    def _is_locked_by_another(self, database: Database, context: MigrationContext) -> bool:
        if self._order.settings.lock == "external" or context.connection is None:
            return False
        table, schema = database.version_table, database.schema
        return is_held(context.connection, version_table=table, schema=schema, owner=" ".join(self._order.owner))

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
                name = copy_name(self._order.settings.name, self._order.tenant)
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

    def _stamp(self, database: Database, heads: frozenset[str]) -> Iterator[RevisionStep]:
        """Tell the version table that the database was brought to a revision by other means."""
        revision, title = self._order.destination, self._scripts.title(self._order.destination)
        if heads and not self._order.is_forced:
            raise Failure(
                f"cannot mark {title} as applied: the database is already at {told(heads)}",
                now="nothing was changed",
                hint="--force marks it nevertheless",
            )
        self._progress.told.append(f"{title} is marked as applied, and nothing of it was executed")
        if database.statements is not None:
            database.statements.reset()
        yield from self._scripts.directory._stamp_revs(revision, tuple(heads))  # type: ignore[misc]
        self._note_said(database, revision, "done", "up", "stamped")

    def _resolve(self, database: Database, found: Sequence[Entry], heads: frozenset[str]) -> Iterator[RevisionStep]:
        """Do what a person has decided about a revision that was left half-way: nothing of it is executed.

        `applied` and `undone` say what is true of the database now, `retry` that it is as it was before the attempt.
        Of several databases that env.py configures, it is about the one in which the revision was left so.
        """
        revision, title = self._order.destination, self._scripts.title(self._order.destination)
        entry = next((entry for entry in found if entry.revision == revision), None)
        if entry is None:
            self._progress.unresolved = self._progress.unresolved or nothing_to_resolve(revision, heads)
            return
        resolution, is_down = self._order.resolution, entry.direction == UNDO
        if resolution == "retry":
            self._progress.told.append(f"{title} {'may be undone' if is_down else 'will be applied'} again")
            self._note_said(database, revision, RESOLVED, entry.direction)
            return
        is_undone = resolution == "undone"
        self._progress.told.append(
            f"{title} is marked as {'not applied' if is_undone else 'applied'}, and nothing of it was executed"
        )
        if is_undone and not is_down:
            self._note_said(database, revision, RESOLVED, entry.direction)
            return
        if is_undone == is_down:
            if database.statements is not None:
                database.statements.reset()
            yield self._scripts.step_without_effect(revision, is_upgrade=not is_down)
        self._note_said(database, revision, "done", UNDO if is_undone else "up", "resolved by hand")

    def _note_said(self, database: Database, revision: str, state: str, direction: str, error: str = "") -> None:
        """Write down what a person has said, with what the revision says of itself."""
        if database.journal is not None:
            database.journal.note_decision(
                revision, state, direction=direction, error=error, **self._of_revision(revision)
            )

    def _of_revision(self, revision: str) -> dict[str, Any]:
        scripts = self._scripts
        return {
            "sha256": scripts.digest(revision),
            "phase": scripts.phase(revision),
            "compatible": scripts.compatible(revision),
        }

    def _begin(self, database: Database, revision: str, direction: str) -> None:
        """Make everything ready for a revision."""
        assert database.statements is not None
        known = self._of_revision(revision)
        if self._order.is_at_start:
            check_not_failed_before(database.entries.get(revision), known["sha256"], self._order.owner)
        database.statements.reset()
        if database.journal is not None:
            database.journal.begin(
                revision,
                direction=direction,
                restore_point=database.restore_point[:200],
                **known,
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
