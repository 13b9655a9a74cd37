"""Has a pooler in transaction mode as many sessions as a migration needs at the same time?

A client that finds all of them taken is kept waiting by PgBouncer, for two minutes as it comes (`query_wait_timeout`),
and no timeout of the server's counts meanwhile.
"""

from __future__ import annotations

import threading

from sqlalchemy import NullPool, text

from ...release.failures import FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

NO_SESSION = "query_wait_timeout"
"""What PgBouncer calls its own end of the waiting."""


def has_sessions(connection: Connection, count: int, within_s: float) -> bool:
    """Tell whether `count` sessions beside that of `connection` can be had at once, within `within_s` seconds.

    True for an engine of an asynchronous driver that keeps connections: one made here would be kept for another loop.
    """
    engine = connection.engine
    if engine.dialect.is_async and not isinstance(engine.pool, NullPool):
        return True
    answered = threading.Event()
    # A thread, because nothing else ends the waiting; if it has to go on with that, it ends with the process.
    threading.Thread(target=_ask, args=(engine, count, answered), daemon=True).start()
    return answered.wait(within_s)


def too_few_sessions() -> Failure:
    """Return what is told where a pooler gave no session."""
    return Failure(
        "the pooler in front of the database gave too few sessions: a migration through it needs 3 at the same time",
        FAILED,
        now="nothing was migrated",
        hint="give migrations.url the server itself, or the pooler more (PgBouncer: default_pool_size)",
    )


def _ask(engine: Engine, count: int, answered: threading.Event) -> None:
    if engine.dialect.is_async:
        import asyncio

        asyncio.run(_ask_asynchronously(engine, count, answered))
        return
    opened: list[Connection] = []
    try:
        for _ in range(count):
            opened.append(engine.connect())
            opened[-1].execute(text("select 1"))  # its transaction keeps the session
        answered.set()
    finally:
        for connection in opened:
            connection.close()


async def _ask_asynchronously(engine: Engine, count: int, answered: threading.Event) -> None:
    from contextlib import AsyncExitStack

    from sqlalchemy.ext.asyncio import AsyncEngine

    async with AsyncExitStack() as stack:
        for _ in range(count):
            connection = await stack.enter_async_context(AsyncEngine(engine).connect())
            await connection.execute(text("select 1"))
        answered.set()
