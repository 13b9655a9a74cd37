"""What became of a run that ended early? The database is asked, and what it says is told, never a count alone."""

from __future__ import annotations

from .progress import count_of, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .configured import Database
    from .progress import Progress
    from .scripts import Scripts


class Outcome:
    """The answer of the database, asked once by a connection of its own, and what follows from it.

    `has_given_up`: this end of a connection was shut down, since no answer came; the server may not know it yet. If not
    `is_asked`, what follows without any answer.
    """

    def __init__(
        self,
        progress: Progress,
        scripts: Scripts,
        *,
        is_down: bool,
        has_given_up: bool = False,
        is_asked: bool = True,
    ) -> None:
        self._progress = progress
        self._scripts = scripts
        self._is_down = is_down
        self._has_given_up = has_given_up
        self._is_asked = is_asked
        self._heads: frozenset[str] | None = None
        """Where the database is; None: it could not be asked."""
        if progress.databases and is_asked:
            try:
                self._heads = progress.databases[-1].heads_seen_by_others()
            except Exception:
                self._heads = None
        self._pending = self._pending_at(self._heads)

    @property
    def is_reached(self) -> bool:
        """Whether the database says that the revision at work was applied, or undone if that is what was asked for."""
        work = self._progress.at_work
        if not work or self._pending is None or not self._scripts.knows(work):
            return False
        return (work in self._pending) == self._is_down

    @property
    def is_open(self) -> bool:
        """Whether only the database, which cannot be asked now, knows if the revision at work is there as a whole."""
        work = self._progress.databases[-1].statements if self._progress.databases else None
        return self._heads is None and work is not None and work.is_end_unanswered

    def now(self) -> str:
        """Return where the database is, and what became of this run's work."""
        run = self._progress
        if not run.databases:
            return "nothing was migrated"
        applied = list(run.applied)
        if self._pending is not None:
            # An env.py with a transaction of its own around everything has taken them back.
            applied = [revision for revision in applied if (revision in self._pending) == self._is_down]
        if self.is_reached:
            applied.append(run.at_work)
        did = "undid" if self._is_down else "applied"
        parts = [f"this run {did} {count_of(len(applied))}" if applied else ""]
        if run.at_work and not self.is_reached:
            parts.append(self._of_work(run.databases[-1]))
        elif not applied:
            parts.append("nothing was migrated")
        where = _UNKNOWN if self._is_asked else _NOT_ASKED
        if self._heads is not None:
            where = f"the database is at {told(self._heads)}"
        return f"{where}; {', '.join(part for part in parts if part)}"

    def _of_work(self, database: Database) -> str:
        """Return what is left of the revision at work, which is not reached."""
        work = f"the undo of {self._progress.at_work}" if self._is_down else self._progress.at_work
        statements = database.statements
        done = "done" if self._is_down else "applied"
        if statements is not None and statements.committed:
            stays = f"{_first(statements.committed)} of {work} {_stay(statements.committed)}"
            if self.is_open:
                return f"{work} is {done} if its commit took place, else {stays}"
            if statements.may_be_committed > statements.committed:
                return f"{stays}, {_first(statements.may_be_committed)} may be committed: the answer to it was lost"
            return stays
        if statements is not None and statements.may_be_committed:
            return f"{_first(statements.may_be_committed)} of {work} may be committed: the answer to it was lost"
        is_not = f"{work} is not {done}"
        if self._has_given_up and statements is not None and not statements.is_rolled_back:
            when = "unless its commit, which was not answered, took place"
            if not statements.is_end_unanswered:
                when = "and is rolled back"
                if not database.path:
                    when += " once the server notices that its connection is gone"
            return f"{is_not}, {when}"
        if self._heads is None:
            return f"{work} is rolled back, unless its commit was under way"
        if statements is None or statements.is_rolled_back:
            return f"{work} was rolled back"
        return f"{is_not}: its connection was lost before its commit"

    def _pending_at(self, heads: frozenset[str] | None) -> frozenset[str] | None:
        if heads is None or not all(self._scripts.knows(revision) for revision in heads):
            return None
        return frozenset(self._scripts.pending(heads))


_UNKNOWN = "the database cannot be asked where it is"
_NOT_ASKED = "the database was not asked where it is"


def _first(count: int) -> str:
    return f"the first {count} statements" if count > 1 else "the first statement"


def _stay(count: int) -> str:
    return "are committed and stay" if count > 1 else "is committed and stays"
