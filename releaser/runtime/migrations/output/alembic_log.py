"""What libraries log of a run is left out where `migrate` says it itself.

The stock alembic.ini shows alembic's messages on standard error: each revision would be told twice. A filter of the
logger outlives env.py's `fileConfig`. What the author's code logs stays, under alembic's name too; so do warnings.
"""

from __future__ import annotations

import logging

from alembic.runtime import migration

_SOURCE = migration.MigrationContext.run_migrations.__code__.co_filename


def drop_repetitions() -> None:
    """Let what alembic's runner says of its progress go nowhere."""
    logging.getLogger(migration.__name__).addFilter(_is_news)


def let_pools_be_quiet() -> None:
    """Keep SQLAlchemy from printing a traceback for each lost connection that it closes; that it is lost is told.

    An env.py that sets up logging for it has the last word.
    """
    logger = logging.getLogger("sqlalchemy.pool")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
    # psycopg's, of a connection that a signal had given up.
    logging.getLogger("psycopg").addFilter(lambda record: not str(record.msg).startswith("query cancellation"))


def _is_news(record: logging.LogRecord) -> bool:
    return record.pathname != _SOURCE or record.levelno >= logging.WARNING
