"""Tasks for the running app: `bin/app rpc guestbook.release.tasks migrate`.

Arguments come as strings; what is returned is printed; an exception fails the command.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

from guestbook import database
from guestbook.lifecycle import started

SAMPLES = (
    ("Ada Lovelace", "London", "What a fine engine this runs on."),
    ("Grace Hopper", "New York", "I looked for bugs and found none.\nI shall look again tomorrow."),
    ("Niels Abel", None, "Short and sweet."),
)


def ensure_started(within_s: float = 30.0) -> None:
    """Return once the app of this process has started.

    Raises:
        RuntimeError: it has not after `within_s` seconds.
    """
    if not started.wait(within_s):
        raise RuntimeError(f"the guestbook did not start within {within_s:g} s; nothing was done")


def migrate() -> None:
    """Bring the database to the newest revision that this release knows.

    alembic runs in a process of its own, never in here: it would take over logging and the event loop.

    Raises:
        RuntimeError: the app did not start, this is no release, or the migration failed.
    """
    ensure_started()
    try:
        from releaser.runtime import migrate as migrate_release
    except ImportError as error:
        raise RuntimeError("this is not a release: run 'alembic upgrade head' in the project's folder") from error
    migrate_release()


def renew_connections(applied: Sequence[Mapping[str, object]]) -> None:
    """Close the connections of this process, which have prepared statements for the tables as they were.

    The release calls it in each process of the app once a migration was applied (`after_migrate`).
    """
    database.engine().dispose()


def seed(count: str = "3") -> str:
    """Sign the book `count` times, to have something to look at."""
    wanted = int(count)
    database.sign(database.engine(), islice(cycle(SAMPLES), wanted))
    return f"signed {wanted} times"


def count() -> int:
    """Return how many entries the book has."""
    return database.count(database.engine())
