"""What the environment says: the one module that reads it."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, make_url

DATABASE_FILE = "guestbook.sqlite3"
DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


def database_url(environ: Mapping[str, str]) -> URL:
    """Return where the entries are: `DATABASE_URL`, else a SQLite file in `RELEASE_VAR` or the working directory.

    A URL that names no driver gets the one that is installed: hosts hand out `postgres://`, SQLAlchemy wants more.
    """
    text = environ.get("DATABASE_URL")
    if not text:
        folder = environ.get("RELEASE_VAR") or "."
        return URL.create("sqlite", database=str(Path(folder, DATABASE_FILE).absolute()))
    url = make_url(text)
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def title(environ: Mapping[str, str]) -> str:
    """Return the heading of the page."""
    return environ.get("GUESTBOOK_TITLE") or "Guestbook"
