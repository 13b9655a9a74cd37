"""Reading and writing entries."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Engine, create_engine, func, inspect, select
from sqlalchemy.orm import Session

from guestbook import settings
from guestbook.models import Entry


@cache
def engine() -> Engine:
    """Return the process's one engine; nothing is connected to before it is used.

    A connection is tested before it is used, so that a database that was restarted costs nobody an error.
    """
    return create_engine(settings.database_url(os.environ), pool_pre_ping=True)


def is_prepared(engine: Engine) -> bool:
    """Tell whether the database has all that this version of the app reads; migrations run after the start."""
    inspector = inspect(engine)
    if not inspector.has_table(Entry.__tablename__):
        return False
    found = {column["name"] for column in inspector.get_columns(Entry.__tablename__)}
    return found >= {column.name for column in Entry.__table__.columns}


def newest(engine: Engine, offset: int, limit: int) -> Sequence[Entry]:
    """Return at most `limit` entries, the newest first."""
    order = Entry.signed_at.desc(), Entry.id.desc()
    with Session(engine, expire_on_commit=False) as session:
        return session.scalars(select(Entry).order_by(*order).offset(offset).limit(limit)).all()


def count(engine: Engine) -> int:
    """Return how many entries there are."""
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Entry)) or 0


def sign(engine: Engine, entries: Iterable[tuple[str, str | None, str]]) -> None:
    """Add entries, each an author, a place or None, and a message: all of them or none."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with Session(engine) as session, session.begin():
        session.add_all(
            Entry(author=author, place=place, message=message, signed_at=now) for author, place, message in entries
        )
