"""What happens, to whom, at which side of a point: a table."""

from __future__ import annotations

from dataclasses import dataclass

STORIES = ("up", "failing", "down")
"""From nothing to the head; the same with a revision that fails once; from the head down to nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table, for any point."""

    action: str
    """cut and stall: connections; kill and term: the runner, by SIGKILL and SIGTERM; server: the database server, by
    SIGKILL; disk: there is no room on the disk from here to the end of the run."""
    when: str
    """before: the server has not seen the request; during: it has just been sent; after: its answer is handed on;
    swallow: it is answered, and the client never hears it."""
    who: str = "itself"
    """Whose connections: that of the request; `work`, `journal` or `lock`, which another connection is meanwhile;
    all of them; away: all of them, and nobody can connect until the run has ended."""

    @property
    def name(self) -> str:
        return "-".join((self.action, self.when, *([self.who] if self.action in ("cut", "stall") else [])))

    @property
    def hands_answer_on(self) -> bool:
        return self.when == "after"


_OTHERS = ("work", "journal", "lock")
_CUTS = [
    *(Fault("cut", when, who) for when in ("before", "during", "after", "swallow") for who in ("itself", "all")),
    *(Fault("cut", when, who) for when in ("before", "after") for who in (*_OTHERS, "away")),
]
_STALLS = [Fault("stall", when, who) for when in ("before", "swallow") for who in ("itself", "all")]
_KILLS = [Fault("kill", when) for when in ("before", "during", "swallow")]
_SERVER_KILLS = [Fault("server", when) for when in ("before", "during", "swallow")]
_REST = [Fault("term", "before"), Fault("disk", "before")]

ON_THE_WIRE = (*_CUTS, *_STALLS, *_KILLS, *_SERVER_KILLS, *_REST)
IN_THE_PROCESS = (Fault("kill", "before"), *_REST)
"""An SQLite database has no connection that could be cut, and between two statements there is nothing."""


def faults_of(kind: str) -> tuple[Fault, ...]:
    """Return the faults that a kind of database can have."""
    return IN_THE_PROCESS if kind == "sqlite" else ON_THE_WIRE


def is_meant(fault: Fault, role: str, roles: frozenset[str]) -> bool:
    """Tell whether a fault is one of its own at a point of a connection with this role: not that of `itself` again."""
    return fault.who not in _OTHERS or (fault.who != role and fault.who in roles)
