"""Which points has a run? What one without faults has asked, with the role of each connection and the revision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_VERSION = re.compile(r"(?:UPDATE|INSERT INTO|DELETE FROM) alembic_version\b")
_ID = re.compile(r"'(r\d\d)'")


@dataclass(frozen=True, slots=True)
class Request:
    """What a process has asked on one of its connections."""

    connection: int
    text: str

    @property
    def revision(self) -> str:
        """The revision that the version table gets to know with this, or loses, or ""."""
        return max(_ID.findall(self.text), default="") if _VERSION.match(self.text) else ""


@dataclass(frozen=True, slots=True)
class Point:
    """One request of a run, by its number from 1."""

    number: int
    role: str
    """work, journal, lock, or other: a look at where the database is, before or after the run."""
    revision: str
    """At which it is asked; "" after the last one."""
    text: str

    def __str__(self) -> str:
        return f"{self.number:4} {self.revision:3} {self.role:7} {self.text}"


def roles_of(requests: Sequence[Request]) -> dict[int, str]:
    """Return what each connection is for."""
    roles: dict[int, str] = {}
    for request in requests:
        text = request.text.lower()
        if "advisory_xact_lock" in text:
            roles[request.connection] = "lock"
        elif "migration_journal" in text and text.startswith(("insert", "update")):
            roles[request.connection] = "journal"
        elif request.revision:
            roles.setdefault(request.connection, "work")
    return roles


def points_of(requests: Sequence[Request], last: str = "") -> list[Point]:
    """Return the points of a run without faults; `last` is the revision that it ended at and did not record."""
    roles = roles_of(requests)
    return [
        Point(number, roles.get(request.connection, "other"), revision, request.text)
        for number, (request, revision) in enumerate(zip(requests, _revisions(requests, last), strict=True), 1)
    ]


def _revisions(requests: Sequence[Request], last: str) -> list[str]:
    """Return the revision of each request: the one that is recorded next, up to the COMMIT of that."""
    found = [request.revision for request in requests]
    following = last
    for index in reversed(range(len(found))):
        following = found[index] = found[index] or following
    recorded, connection = "", 0
    for index, request in enumerate(requests):
        if request.revision:
            recorded, connection = request.revision, request.connection
        elif recorded:
            found[index] = recorded
            if request.connection == connection and request.text.upper() == "COMMIT":
                recorded = ""
    return found
