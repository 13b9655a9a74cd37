"""One case: a fresh database, a run with a fault at a point, the commands after it, and what the law says."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chaos import inside, law, plain
from chaos.faults import Fault
from chaos.law import Step, Told
from chaos.points import Point, Request, points_of, roles_of
from chaos.reference import Reference, Seen, look, make_reference
from chaos.revisions import FAILS, line_of, scripts_of
from chaos.subjects import Database, Subject, requests_of
from chaos.wire import Armed, Wire
from support.driving import Running, run, running
from support.handmade import Handmade
from support.migrated import GENERIC_ENV, write_migrated
from support.proxy import proxied_by
from support.waiting import eventually

PATIENCE_S = 60.0
COMMANDS_AT_MOST = 8
DOWN = ("--down-to", "base", "--yes-lose-data")
_ENV = "import chaos_inside\nchaos_inside.begin()\n" + GENERIC_ENV


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the table."""

    story: str
    fault: Fault
    point: Point

    def __str__(self) -> str:
        return f"{self.story} {self.fault.name} {self.point.number}"


VERDICTS = ("itself", "asked", "asked in vain", "stuck", "WRONG", "not reached")
"""It ended right, by the next command alone; a person was asked, and there was something to repair, or nothing; alembic
alone: the next command failed, twice; the database is wrong, or what was told is; the run had ended before."""


@dataclass(slots=True)
class Result:
    """How a case has ended: one of VERDICTS."""

    verdict: str
    why: str = ""
    told: list[Told] = field(default_factory=list)


class Trial:
    """A subject with its release, its reference, and the points of each story."""

    def __init__(self, subject: Subject, folder: Path, *, is_plain: bool = False) -> None:
        self.subject = subject
        self._is_plain = is_plain
        self._folder = folder
        line = line_of(subject.kind)
        self.reference: Reference = make_reference(subject.fresh().direct_url, line)
        inside_text = Path(inside.__file__).read_text()
        self.release: Handmade = write_migrated(
            folder / "release", scripts_of(line), env=_ENV if subject.server is None else GENERIC_ENV
        )
        manifest = self.release.manifest
        self._site = self.release.layout.site_packages(manifest.bundle.id, manifest.python.version)
        Path(self._site, "chaos_inside.py").write_text(inside_text)
        self._requests: dict[str, list[Request]] = {}

    def points(self, story: str) -> list[Point]:
        """Return the points of a story, by a run of it without a fault."""
        if story not in self._requests:
            with self._prepared(story) as database:
                with self._started(story, database, None) as (runner, wire):
                    code = runner.wait(PATIENCE_S)
                assert code == (1 if story == "failing" else 0), runner.stderr
                if story != "failing":
                    wrong = self._wrong_at_the_end(database, story)
                    assert not wrong, wrong
                self._requests[story] = wire.requests if wire is not None else requests_of(self._log)
        return points_of(self._requests[story], "r09" if story == "failing" else "")

    def try_out(self, case: Case) -> Result:
        """Carry out a case; something that does not end is wrong, too."""
        try:
            return self._tried_out(case)
        except (subprocess.TimeoutExpired, AssertionError) as error:
            return Result("WRONG", " ".join(str(error).split()))

    def _tried_out(self, case: Case) -> Result:
        with self._prepared(case.story) as database:
            before = look(database.direct_url)
            with self._started(case.story, database, case) as (runner, wire):
                self._see_to_it(runner, wire, case.fault)
                told = Told(runner.wait(PATIENCE_S), runner.stdout + runner.stderr)
                if case.fault.action == "server":
                    self.subject.start_server_again()
                self.subject.empty_disk()
                if not self._was_struck(wire):
                    return Result("not reached", told=[told])
                if self._is_plain:
                    return self._plainly_afterwards(case, database, told)
                return self._afterwards(case, database, before, told)

    def _see_to_it(self, runner: Running, wire: Wire | None, fault: Fault) -> None:
        """End a runner that cannot know that nobody answers any more, as a person does: asked once, then told."""
        is_pooled_server = fault.action == "server" and self.subject.name == "pgbouncer"
        if wire is None or not (fault.action == "stall" or is_pooled_server):
            return
        eventually(lambda: wire.is_struck.is_set() or runner.process.poll() is not None, within=PATIENCE_S)
        if is_pooled_server:  # the pooler has its clients wait for minutes
            self.subject.start_server_again()
            return
        for _ in range(2):
            runner.process.send_signal(signal.SIGTERM)
            try:
                runner.process.wait(1)
            except subprocess.TimeoutExpired:
                continue
            return

    def _was_struck(self, wire: Wire | None) -> bool:
        return wire.is_struck.is_set() if wire is not None else Path(f"{self._log}{inside.STRUCK}").exists()

    def _afterwards(self, case: Case, database: Database, before: Seen, told: Told) -> Result:
        """Judge what was told, and do what a person does until a command ends with 0."""
        is_stalled = case.fault.action == "stall"
        result = Result("itself", told=[told])
        if told.code >= 0:
            self.subject.wait_until_quiet(database, sessions_may_stay=is_stalled)
            step = Step(told, look(database.direct_url))
            if wrong := law.wrong_about_end(told) or law.wrong_about_now(step, before, self.reference):
                return Result("WRONG", wrong, result.told)
        for _ in range(COMMANDS_AT_MOST):
            told = self._command(case.story, database)
            result.told.append(told)
            if wrong := law.wrong_about_end(told):
                return Result("WRONG", wrong, result.told)
            match told.code:
                case law.DONE:
                    self.subject.wait_until_quiet(database, sessions_may_stay=is_stalled)
                    if wrong := self._wrong_at_the_end(database, case.story):
                        return Result("WRONG", wrong, result.told)
                    return result
                case law.LOCKED if is_stalled:
                    result.told.append(self._migrate(database, "--unlock", "--force"))
                case law.ASKS:
                    if wrong := self._resolve(case, database, result):
                        return Result("WRONG", wrong, result.told)
                case _:
                    return Result("WRONG", f"the next command ends with {told.code}", result.told)
        return Result("WRONG", "no end of it", result.told)

    def _plainly_afterwards(self, case: Case, database: Database, told: Told) -> Result:
        """Call alembic once more, and where that fails a second time."""
        result = Result("stuck", told=[told])
        argv = self._argv(case.story, database.url)
        for _ in range(2):
            told = plain.again(argv, self._environ(database.url))
            result.told.append(told)
            if told.code == law.DONE:
                result.why = self._wrong_at_the_end(database, case.story)
                result.verdict = "WRONG" if result.why else "itself"
                break
        return result

    def _resolve(self, case: Case, database: Database, result: Result) -> str:
        """Do what the words of exit code 12 ask for; return what is wrong with them."""
        self.subject.wait_until_quiet(database, sessions_may_stay=case.fault.action == "stall")
        step = Step(result.told[-1], look(database.direct_url))
        if wrong := law.wrong_about_asking(step, self.reference):
            return wrong
        try:
            statements, way = law.repair_of(step, self.reference, forwards=case.point.number % 2 == 0)
        except LookupError as error:
            return str(error)
        result.verdict = "asked" if statements else "asked in vain"
        self.subject.execute(database, statements)
        resolved = self._migrate(database, "--resolve", step.told.resolution[0], way)
        result.told.append(resolved)
        return "" if resolved.code == law.DONE else f"--resolve ends with {resolved.code}"

    def _wrong_at_the_end(self, database: Database, story: str) -> str:
        seen, is_locked = look(database.direct_url), self.subject.is_locked(database)
        return law.wrong_at_the_end(seen, law.goal_of(story), self.reference, is_locked=is_locked)

    def _command(self, story: str, database: Database) -> Told:
        return self._migrate(database, "--lock-wait", "3s", *(DOWN if story == "down" else ()))

    def _migrate(self, database: Database, *words: str) -> Told:
        done = run(self.release.command("migrate", *words), environ=self._environ(database.url), within=PATIENCE_S)
        return Told(done.returncode, done.stdout + done.stderr)

    @contextmanager
    def _prepared(self, story: str) -> Iterator[Database]:
        """Give a database as it is where a story begins, and drop it afterwards."""
        database = self.subject.fresh()
        try:
            if story == "down":
                told = self._migrate(database)
                assert told.code == 0, told.words
            yield database
        finally:
            self.subject.empty_disk()
            self.subject.start_server_again()
            self.subject.drop(database)

    @contextmanager
    def _started(self, story: str, database: Database, case: Case | None) -> Iterator[tuple[Running, Wire | None]]:
        """Start the run of a story, with a fault or without."""
        self._log = self._folder / "points"
        for path in (self._log, Path(f"{self._log}{inside.STRUCK}")):
            path.unlink(missing_ok=True)
        more = {FAILS: "1"} if story == "failing" else {}
        with ExitStack() as stack:
            if self.subject.server is None:
                environ = self._environ(database.url) | more
                if case is not None:
                    environ[inside.FAULT] = f"{case.fault.action} {case.point.number}"
                yield stack.enter_context(running(self._argv(story, database.url), environ=environ)), None
                return
            short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="px", dir="/tmp")))
            wire, through = stack.enter_context(proxied_by(Wire, database.url, short))
            pids: list[int] = []
            if case is not None:
                roles = roles_of(self._requests[story])
                wire.armed = Armed(case.fault, case.point.number, roles, lambda action: self._strike(action, pids[0]))
            runner = stack.enter_context(running(self._argv(story, through), environ=self._environ(through) | more))
            pids.append(runner.pid)
            yield runner, wire

    def _argv(self, story: str, url: str) -> list[str]:
        if self._is_plain:
            return plain.command(f"{self.release.layout.migrations}/default", url, self._site, story)
        return self.release.command("migrate", *(DOWN if story == "down" else ()))

    def _strike(self, action: str, pid: int) -> None:
        match action:
            case "kill":
                os.kill(pid, signal.SIGKILL)
            case "term":
                os.kill(pid, signal.SIGTERM)
            case "server":
                self.subject.kill_server()
            case _:
                self.subject.fill_disk()

    def _environ(self, url: str) -> dict[str, str]:
        environ = {"DATABASE_URL": url, inside.LOG: os.devnull}
        if self.subject.server is None:
            environ[inside.LOG] = str(self._log)
        if self.subject.disk is not None:
            environ[inside.FILLER] = str(self.subject.filler)
        return environ
