"""A fixed sample of `./dev chaos`: those cells of its table in which something was wrong once, and one of each kind.

A failure names the command that carries the case out once more and prints everything that was said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from chaos.cases import Case, Trial
from chaos.faults import faults_of
from chaos.subjects import subject_of
from support.databases import Server, mariadb, pgbouncer, postgresql

__all__ = ["mariadb", "pgbouncer", "postgresql"]

SAMPLE = [
    ("sqlite", "up", "kill-before", "r10", "COMMIT"),
    ("sqlite", "up", "disk-before", "r10", "COMMIT"),
    ("sqlite", "down", "kill-before", "r08", "DROP TABLE a8"),
    ("postgresql", "up", "cut-swallow-itself", "r05", "COMMIT"),
    ("postgresql", "up", "cut-swallow-itself", "r10", "COMMIT"),
    ("postgresql", "up", "cut-before-away", "r07", "COMMIT"),
    ("postgresql", "up", "cut-before-work", "r10", "UPDATE release_meta"),
    ("postgresql", "up", "stall-before-all", "r08", "CREATE TABLE a8"),
    ("postgresql", "up", "kill-during", "r10", "CREATE INDEX"),
    ("postgresql", "up", "server-swallow", "r07", "COMMIT"),
    ("postgresql", "up", "disk-before", "r04", "CREATE INDEX"),  # it leaves an invalid one
    ("postgresql", "failing", "term-before", "r09", "SELECT alembic_version"),  # the database is asked what is true
    ("postgresql", "down", "cut-swallow-itself", "r03", "COMMIT"),
    ("pgbouncer", "up", "cut-before-lock", "r05", "UPDATE item"),
    ("pgbouncer", "up", "kill-before", "r10", "INSERT INTO event"),
    ("mariadb", "up", "cut-before-journal", "r10", "UPDATE item"),
    ("mariadb", "up", "cut-swallow-itself", "r08", "CREATE TABLE a8"),
    ("mariadb", "up", "cut-before-away", "r08", "UPDATE release_migration"),
    ("mariadb", "up", "stall-swallow-itself", "r10", "UPDATE item"),
    ("mariadb", "up", "kill-during", "r05", "SELECT sleep"),
    ("mariadb", "up", "server-during", "r09", "COMMIT"),  # nobody can be asked, and a part is committed for sure
    ("mariadb", "up", "cut-after-all", "r12", "COMMIT"),
    ("mariadb", "failing", "cut-swallow-itself", "r01", "set session innodb_lock_wait_timeout"),  # the journal's
    ("mariadb", "failing", "disk-before", "r02", "INSERT INTO item"),
    ("mariadb", "down", "cut-after-itself", "r12", "DELETE FROM item"),  # what comes next, a DDL, never arrives
    ("mariadb", "down", "cut-swallow-all", "r10", "DROP INDEX"),
]
"""Database, story, fault, and the first statement of a revision that begins so."""


@pytest.fixture(scope="session")
def trial_of(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Trial]]:
    """Return a function that gives the trial of a database, the same one each time."""
    trials: dict[str, Trial] = {}
    with ExitStack() as stack:

        def give(name: str) -> Trial:
            if name not in trials:
                needed = {"sqlite": (), "pgbouncer": ("postgresql", "pgbouncer")}.get(name, (name,))
                servers: dict[str, Server] = {each: request.getfixturevalue(each) for each in needed}
                trials[name] = Trial(stack.enter_context(subject_of(name, servers)), folder(name))
            return trials[name]

        def folder(name: str) -> Path:
            return tmp_path_factory.mktemp(f"chaos-{name}")

        yield give


@pytest.mark.parametrize(("name", "story", "fault_name", "revision", "statement"), SAMPLE)
def test_the_database_is_as_it_was_meant_and_as_it_was_told(
    name: str, story: str, fault_name: str, revision: str, statement: str, trial_of: Callable[[str], Trial]
) -> None:
    trial = trial_of(name)
    fault = next(fault for fault in faults_of(name) if fault.name == fault_name)
    if fault.action == "disk" and trial.subject.disk is None:
        pytest.skip("only root may mount a disk of a known size")
    point = next(
        point for point in trial.points(story) if point.revision == revision and point.text.startswith(statement)
    )
    result = trial.try_out(Case(story, fault, point))
    again = f"./dev chaos --database {name} --story {story} --fault {fault_name} --point {point.number}"
    told = "\n".join(f"exit {told.code}\n{told.words}" for told in result.told)
    assert result.verdict in ("itself", "asked", "asked in vain"), f"{result.verdict}: {result.why}\n{again}\n{told}"
