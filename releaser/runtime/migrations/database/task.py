"""What is done with one database: its scripts, its run, and when that fails, what failed, where, and what is true now.

Runs inside the app's bundle, after `releaser.runtime.bundle.activation.activate`.
"""

from __future__ import annotations

import io
import os
from argparse import Namespace

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ...release.failures import FAILED, Failure
from ..failures import NO_SECRET, Interrupted, Secret, lines_of, shortened
from ..journal.dirty import UNDO, resolving
from ..locks.holder import name_of_runner
from ..locks.pooler import NO_SESSION, too_few_sessions
from ..output.report import Report, Unheard
from ..sessions.connect_limits import LONGEST_SILENCE_S, connecting_within
from ..sessions.signals import GIVE_UP_S, Work
from .order import Order
from .outcome import Outcome
from .pre_migrate import BeforeTheFirst
from .run import Run
from .scripts import Scripts
from .sql import write_sql

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...release.context import Context
    from ...release.manifest import Migrations
    from ..options import Options
    from ..sessions.connect_limits import Sessions
    from ..sessions.signals import Signals
    from ..tenants.tenant import Tenant

_DRIVERS = ("aiomysql", "aiosqlite", "asyncmy", "asyncpg", "psycopg", "psycopg2", "pymysql", "MySQLdb", "sqlite3")


class Task:
    """One database of the release and one thing to do with it."""

    def __init__(
        self,
        context: Context,
        record: Migrations,
        url: str,
        options: Options,
        report: Report,
        tenant: Tenant | None = None,
    ) -> None:
        """Load the scripts; of a `tenant`, env.py is told the name, as `alembic -x tenant=NAME` does.

        Raises:
            Failure: they cannot be loaded, are damaged, or have no revision `options.to`.
        """
        self.name = record.name
        self._prog = context.name
        self.url = url
        self._report = report
        self.scripts = Scripts(record, context.layout.release, url)
        if tenant is not None:
            self.scripts.config.cmd_opts = Namespace(x=tenant.words())
        order = Order(
            self.scripts,
            to=options.to,
            is_dry_run=options.is_dry_run,
            owner=(context.name, context.layout.version),
            lock_wait_s=options.lock_wait_s,
            is_at_start=bool(context.environ.get("RELEASE_EVENT")),
            action=options.action,
            resolution=options.resolution,
            is_forced=options.is_forced,
            phase=options.phase,
            is_at_least=options.at_least,
            is_listing=options.is_listing,
            is_one_of_several=len(context.manifest.migrations) > 1,
            tenant=tenant.name if tenant is not None else "",
            schema=tenant.schema if tenant is not None else "",
            before=BeforeTheFirst(context, record.name, tenant.name if tenant is not None else "", report),
            backups=os.path.join(context.layout.var, "backups"),
        )
        self._run = Run(order, report)
        self._order = order
        self._runner = name_of_runner(*order.owner)
        self.progress = self._run.progress

    def go(self, signals: Signals) -> None:
        """Carry it out.

        Raises:
            Failure: it did not work; the message says why and what is true now.
        """
        with connecting_within(LONGEST_SILENCE_S, self._runner) as sessions, signals.during(_OfTask(self, sessions)):
            try:
                self._run.go()
            except BaseException as error:
                try:
                    failure = self._judged(error, signals)
                except Interrupted as interrupted:  # while the database was asked; the next signal ends at once
                    failure = self._failure(interrupted, signals)
                if failure is error:
                    raise
                raise failure from (None if isinstance(error, Unheard) else error)
            finally:
                self._report.close()

    def sql(self) -> list[str]:
        """Return what a dry run has planned as statements.

        Raises:
            Failure: it cannot be written down without being executed.
        """
        stream = io.StringIO()
        try:
            write_sql(self._order, self.progress, stream)
        except Failure:
            raise
        except Exception as error:
            place = self.scripts.place_of(error)
            raise Failure(
                "cannot write the statements down: a revision reads from the database, or env.py has no offline half",
                details=(*([place] if place else []), *lines_of(error, self._secret())),
                now="nothing was migrated",
            ) from error
        return stream.getvalue().splitlines()

    def heads(self) -> frozenset[str]:
        """Return where the databases are after the run, all of them together."""
        return frozenset().union(*(database.expected for database in self.progress.databases))

    def _judged(self, error: BaseException, signals: Signals) -> Failure:
        """Return what ends this task, with what is true now."""
        if isinstance(error, Failure):
            error.now = error.now or self._outcome().now()
            return error
        if isinstance(error, Unheard):
            return Failure("stopped: whoever asked for the migration has gone", now=self._outcome().now())
        return self._failure(error, signals)

    def _failure(self, error: BaseException, signals: Signals) -> Failure:
        """Return what is told of an error; what became of the revision at work is what the database says."""
        outcome = self._outcome(has_given_up=signals.has_given_up)
        run = self.progress
        if run.at_work and outcome.is_reached:
            return self._reached(error, signals, outcome)
        exit_code = FAILED
        if signals.received:
            exit_code = 128 + signals.received
            message = f"interrupted by {Interrupted(signals.received)}"
            if run.at_work:
                message = f"{self._work()} was {message}"
            if not signals.has_given_up:
                return Failure(message, exit_code, now=outcome.now(), hint=self._hint(outcome))
            details = [f"the database did not answer within {GIVE_UP_S:g} s: its connection was given up"]
            hint = self._hint(outcome) or self._unlock_hint()
            return Failure(message, exit_code, details=tuple(details), now=outcome.now(), hint=hint)
        if NO_SESSION in str(error) and not run.at_work:
            return too_few_sessions()
        details = lines_of(error, self._secret())
        place = self.scripts.place_of(error)
        if run.at_work:
            message = f"{self._work()} failed: {details[0] if details else 'no message'}"
            details = details[1:]
            statements = run.databases[-1].statements
            if statements is not None and statements.is_at_commit and isinstance(error, DBAPIError):
                place = ""  # of env.py's end, which is not what failed
                count = "1 statement" if statements.begun == 1 else f"{statements.begun} statements"
                details.append(f"its COMMIT failed, after {count}")
            elif isinstance(error, DBAPIError) and statements is not None:
                details.append(f"statement {statements.begun}: {self._secret().blotted(shortened(statements.last))}")
            details += [self._earlier()] if self._earlier() else []
        elif isinstance(error, (ArgumentError, NoSuchModuleError)):
            message = "cannot use the database's URL"
            details += self._url_lines()
        elif isinstance(error, ModuleNotFoundError) and error.name in _DRIVERS:
            message = f"cannot connect to the database: its driver {error.name} is not in the bundle"
            details = self._url_lines()
        elif not run.databases and _is_of_driver(error):
            message = "cannot connect to the database"
            details += self._url_lines()
        elif _is_of_driver(error) and not isinstance(error, OSError):
            message = "cannot use the database"
        else:
            message = "env.py failed"
        if place:
            details.insert(0, place)
        return Failure(message, exit_code, details=tuple(details), now=outcome.now(), hint=self._hint(outcome))

    def _reached(self, error: BaseException, signals: Signals, outcome: Outcome) -> Failure:
        """Return what is told when the revision at work is applied, or undone, although an error came after that."""
        title = self.scripts.title(self.progress.at_work)
        did = "undone" if self._order.action == UNDO else "applied"
        if signals.received:
            return Failure(
                f"interrupted by {Interrupted(signals.received)} when revision {title} was {did} already",
                128 + signals.received,
                now=outcome.now(),
            )
        return Failure(
            f"revision {title} is {did}, but the connection was lost after its commit",
            details=tuple(lines_of(error, self._secret())),
            now=outcome.now(),
            hint=f"run `bin/{self._prog} migrate` again for the rest, as it was called",
        )

    def _outcome(self, *, has_given_up: bool = False, is_asked: bool = True) -> Outcome:
        is_down = self._order.action == UNDO
        return Outcome(self.progress, self.scripts, is_down=is_down, has_given_up=has_given_up, is_asked=is_asked)

    def _work(self) -> str:
        """Return what was tried."""
        title = self.scripts.title(self.progress.at_work)
        return f"the undo of revision {title}" if self._order.action == UNDO else f"revision {title}"

    def _earlier(self) -> str:
        """Return what an attempt before this one has left that a person said to have cleaned up, or ""."""
        return self.progress.databases[-1].earlier.get(self.progress.at_work, "")

    def doing(self) -> str:
        """Return what a signal has this task do, "" if there is nothing to roll back."""
        work = self.progress.at_work
        if not work:
            return ""
        return f"rolls back {'the undo of ' if self._order.action == 'down' else ''}{work}"

    def known(self) -> tuple[str, str]:
        """Return what is true without asking the database, and what helps if its session stays."""
        for database in self.progress.databases[-1:]:
            if database.statements is not None:
                database.statements.look()
        outcome = self._outcome(has_given_up=True, is_asked=False)
        return outcome.now(), self._hint(outcome) or self._unlock_hint()

    def before_a_line(self) -> str:
        """See `Report.before_a_line`."""
        return self._report.before_a_line()

    def _unlock_hint(self) -> str:
        """Return how the session is ended that a server may keep, when it has not heard that this end is gone.

        Only of a runner that has the lock: another one's session is not to be ended.
        """
        if not self.progress.at_work or self.progress.databases[-1].path:
            return ""
        return f"if its session stays on the server, with the lock, {self._order.unlock()} ends it"

    def _hint(self, outcome: Outcome) -> str:
        statements = self.progress.databases[-1].statements if self.progress.databases else None
        if not self.progress.at_work or statements is None:
            return ""
        if not statements.committed and not statements.may_be_committed:
            return ""
        if outcome.is_open:
            return f"`bin/{self._prog} migrations` tells which, once the database can be asked"
        by_hand = "put back what is undone" if self._order.action == UNDO else "undo what stays"
        way = resolving(self.progress.at_work, self._order.action, self._order.command)
        return f"{by_hand} by hand, then {way}"

    def _url_lines(self) -> list[str]:
        if not self.url:
            return []
        try:
            url = make_url(self.url)
        except ArgumentError:
            return ["expected driver://user:password@host:port/name, found something else"]
        # Other words of the query may be secrets of the driver.
        query = {name: value for name, value in url.query.items() if name in ("host", "port", "unix_socket")}
        return [f"url: {url.set(query=query).render_as_string(hide_password=True)}"]

    def _secret(self) -> Secret:
        try:
            url = make_url(self.url) if self.url else None
        except ArgumentError:
            return Secret(self.url)
        if url is None and self.progress.databases:
            url = self.progress.databases[-1].engine.url  # env.py has it from elsewhere
        return Secret.of(url) if url is not None else NO_SECRET


class _OfTask(Work):
    """A task at work, as a signal meets it."""

    def __init__(self, task: Task, sessions: Sessions) -> None:
        self._task = task
        self._sessions = sessions

    def doing(self) -> str:
        return self._task.doing() or super().doing()

    def before_a_line(self) -> str:
        return self._task.before_a_line()

    def give_up(self) -> None:
        self._sessions.cut()

    def known(self) -> tuple[str, str]:
        return self._task.known()


def _is_of_driver(error: BaseException) -> bool:
    return isinstance(error, (DBAPIError, OSError)) or type(error).__module__.partition(".")[0] in _DRIVERS
