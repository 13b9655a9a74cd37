"""The page, its form, and what a load balancer asks."""

import logging
import os
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from guestbook import database, settings, version
from guestbook.forms import LIMITS, Draft, parse
from guestbook.lifecycle import lifespan

PAGE_SIZE = 20
MAX_BODY_BYTES = 64 * 1024
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

logger = logging.getLogger("guestbook")
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


def create_app(engine: Engine) -> Starlette:
    """Return the app on a database; it starts, and says so at `/health`, before the database has its tables."""
    app = Starlette(
        routes=[
            Route("/", read, methods=["GET"]),
            Route("/", sign, methods=["POST"]),
            Route("/health", health),
        ],
        exception_handlers={DBAPIError: unavailable},
        lifespan=lifespan,
    )
    app.state.engine = engine
    return app


def read(request: Request) -> Response:
    """Show one page of entries and the form."""
    return _book(request, Draft())


async def sign(request: Request) -> Response:
    """Add an entry and go to the page that shows it (a reload must not sign twice), or say what is wrong."""
    draft = parse(await _body(request))
    if draft.problems:
        return await run_in_threadpool(_book, request, draft, status=422)
    entry = (draft.author, draft.place or None, draft.message)
    await run_in_threadpool(database.sign, request.app.state.engine, [entry])
    return RedirectResponse("/?signed=yes#entries", status_code=303)


async def health(request: Request) -> Response:
    """Answer whether this process serves; whether the database is ready is the page's business."""
    return JSONResponse({"status": "ok", "version": version()}, headers={"Cache-Control": "no-store"})


def unavailable(request: Request, error: Exception) -> Response:
    """Answer 503: the tables are not there yet, or the database is not."""
    try:
        being_prepared = not database.is_prepared(request.app.state.engine)
    except SQLAlchemyError:
        being_prepared = False
    if not being_prepared:
        logger.error("the database did not answer as it should: %s", error)
    return _page(request, "unavailable.html", {"being_prepared": being_prepared}, status=503, retry_after="5")


def _book(request: Request, draft: Draft, status: int = 200) -> Response:
    text = request.query_params.get("page", "1")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    number = max(number, 1)
    # One more than is shown tells whether there is a next page, without counting the table.
    entries = database.newest(request.app.state.engine, (number - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    context = {
        "draft": draft,
        "limits": LIMITS,
        "entries": entries[:PAGE_SIZE],
        "newer": number - 1 if number > 1 else None,
        "older": number + 1 if len(entries) > PAGE_SIZE else None,
        "signed": request.query_params.get("signed") == "yes",
    }
    return _page(request, "book.html", context, status=status)


def _page(
    request: Request, template: str, context: dict[str, object], *, status: int, retry_after: str | None = None
) -> Response:
    headers = HEADERS | ({"Retry-After": retry_after} if retry_after else {})
    context = {"title": settings.title(os.environ), "version": version(), **context}
    return templates.TemplateResponse(request, template, context, status_code=status, headers=headers)


async def _body(request: Request) -> bytes:
    """Return the body of a request, or answer 413; what is too much is read and dropped, so that the answer arrives."""
    body, size = b"", 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            body += chunk
    if size > MAX_BODY_BYTES:
        raise HTTPException(413, "That is more than fits into a guestbook.")
    return body
