"""Whether the app of this process has started."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

started = threading.Event()
"""Set between the startup and the shutdown of the ASGI lifespan; release tasks wait for it from their threads."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Note that the server has brought the app up, and that it takes it down."""
    started.set()
    try:
        yield
    finally:
        started.clear()
        app.state.engine.dispose()
