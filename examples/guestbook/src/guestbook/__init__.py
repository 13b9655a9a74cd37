"""A guestbook: a page to read and to sign, and a database behind it."""

import os
from importlib import metadata


def version() -> str:
    """Return the version that runs: of the release, else of the installed package."""
    try:
        return os.environ.get("RELEASE_VERSION") or metadata.version("guestbook")
    except metadata.PackageNotFoundError:  # the sources as they lie, nothing installed
        return "unreleased"
