"""What an operator does to the running app."""

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from conftest import Site

from guestbook import database
from guestbook.release import tasks


@pytest.fixture
def releaser_runtime(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package that a release brings along; in here it does nothing but note that it was called."""
    package, runtime = ModuleType("releaser"), ModuleType("releaser.runtime")
    runtime.calls = 0

    def migrate() -> None:
        runtime.calls += 1

    runtime.migrate = migrate
    monkeypatch.setitem(sys.modules, "releaser", package)
    monkeypatch.setitem(sys.modules, "releaser.runtime", runtime)
    return runtime


def test_seeding_adds_as_many_entries_as_it_is_told(site: Site, prepare: Callable[[], None]) -> None:
    prepare()
    assert tasks.seed() == "signed 3 times"
    assert tasks.seed("4") == "signed 4 times"
    assert tasks.count() == 7
    assert "Ada Lovelace" in site.get("/").text


def test_migrating_is_left_to_the_release(site: Site, releaser_runtime: ModuleType) -> None:
    site.get("/health")
    tasks.migrate()
    assert releaser_runtime.calls == 1


def test_connections_that_knew_the_old_tables_are_closed_after_migrating(site: Site) -> None:
    site.get("/")
    pool = database.engine().pool
    tasks.renew_connections([{"database": "default", "target": "", "revisions": ["0002"], "direction": "up"}])
    assert database.engine().pool is not pool


def test_migrating_an_app_that_does_not_start_is_refused(
    releaser_runtime: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeError, match=r"did not start within 0\.01 s"):
        tasks.ensure_started(0.01)
    monkeypatch.setattr(tasks.ensure_started, "__defaults__", (0.01,))
    with pytest.raises(RuntimeError, match="did not start"):
        tasks.migrate()
    assert releaser_runtime.calls == 0


def test_migrating_outside_of_a_release_says_what_to_run_instead(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "releaser.runtime", None)
    site.get("/health")
    with pytest.raises(RuntimeError, match="alembic upgrade head"):
        tasks.migrate()
