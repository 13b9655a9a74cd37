"""Whether the revisions of a project form one line from one base to one head, and what is wrong if not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from releaser.errors import Problem

from .rules import Finding

MAX_ID_CHARACTERS = 32
"""The length of `version_num` in alembic's version table; only the database server would notice a longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The revisions of one database, checked."""

    line: tuple[str, ...]
    """Revision ids, each after those it builds on; from the base to the head."""
    heads: tuple[str, ...]
    files: Mapping[str, str]
    """Revision id: sha256 of its file's bytes, in hexadecimal."""
    version_table: str
    """The table that holds where the database is."""
    version_table_schema: str = ""
    """Its schema, if env.py names one."""
    url_is_used: bool = False
    """Whether the text of env.py leaves no doubt that it connects to alembic's `sqlalchemy.url`, and only there."""
    findings: tuple[Finding, ...] = ()
    """What the rules have against its revisions, in the order of the line."""
    trouble: str = ""
    """Why squawk could not be asked."""
    post: tuple[str, ...] = ()
    """The revisions of phase post."""
    compatible: Mapping[str, bool] = field(default_factory=dict)
    """Whether the release before may run on the database with a revision, where its author says so or its operations
    tell."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """The file of each revision, as it is shown to people."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """The first line of each revision's docstring."""

    def out_of_order(self, known: Collection[str]) -> tuple[Problem, ...]:
        """Return what stands in the way of applying the revisions that are not `known` in two phases.

        One of phase pre is due before the new code; one of phase post before it on the line, when the old code is gone.
        """
        problems = []
        first = ""
        for revision in self.line:
            if revision in known:
                continue
            if revision in self.post:
                first = first or revision
            elif first:
                problems.append(
                    Problem(
                        where=self.paths.get(revision, ""),
                        what=f"revision {revision} is of phase pre, and comes after {first} of phase post",
                        hint=f"let {first} come last (see its down_revision), or leave it to the release after",
                    )
                )
        return tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What importing one file of revisions showed."""

    path: str
    """As it is shown to people."""
    revision: str = ""
    down: tuple[str, ...] = ()
    """Revisions it comes after."""
    depends_on: tuple[str, ...] = ()
    """Revisions, or labels of branches, that must be applied before it."""
    labels: tuple[str, ...] = ()
    has_upgrade: bool = False
    complaints: tuple[str, ...] = ()
    """What is wrong with its `release = {...}`."""
    sha256: str = ""
    error: str = ""
    """Why it could not be imported; everything above is empty then."""
    line: int = 0
    """Of the error, from 1; 0 when unknown."""


def make_graph(found: Sequence[Found], version_table: str) -> tuple[Graph | None, tuple[Problem, ...]]:
    """Return the graph, or None and everything that is wrong with it, in the order of the files."""
    problems = [problem for script in found for problem in _problems_of_file(script)]
    by_id: dict[str, Found] = {}
    for script in found:
        if not script.revision:
            continue
        if script.revision in by_id:
            problems.append(
                Problem(
                    where=script.path,
                    what=f"revision {script.revision} is already in {by_id[script.revision].path}",
                    hint="delete the copy, or give it an id of its own",
                )
            )
        else:
            by_id[script.revision] = script
    unreadable = any(script.error for script in found)
    if not found:
        problems.append(Problem(where="", what="there are no revisions", hint="alembic revision makes the first one"))
    missing = [] if unreadable else _missing(by_id)
    problems += missing
    # What is missing, or cannot be read, splits the line: the heads and bases that this makes are not the author's.
    if not unreadable and not missing:
        problems += _ends(by_id)
    parents = _parents(by_id)
    line = _sorted_topologically(parents)
    if len(line) < len(by_id):
        circle = sorted(set(by_id) - set(line))
        problems.append(
            Problem(where=by_id[circle[0]].path, what=f"these revisions form a circle: {', '.join(circle)}")
        )
    if problems:
        return None, tuple(problems)
    heads = _heads(by_id)
    files = {revision: by_id[revision].sha256 for revision in line}
    return Graph(line=line, heads=heads, files=files, version_table=version_table), ()


def _problems_of_file(script: Found) -> list[Problem]:
    where = f"{script.path}:{script.line}" if script.line else script.path
    if script.error:
        return [Problem(where=where, what=f"cannot be imported: {script.error}")]
    problems = []
    if not script.revision:
        problems.append(Problem(where=where, what="has no 'revision'"))
    if len(script.revision) > MAX_ID_CHARACTERS:
        what = f"revision {script.revision} has {len(script.revision)} characters; at most {MAX_ID_CHARACTERS} fit"
        problems.append(Problem(where=where, what=what))
    if not script.has_upgrade:
        problems.append(Problem(where=where, what="has no function 'upgrade'"))
    problems += [Problem(where=where, what=complaint) for complaint in script.complaints]
    return problems


def _missing(by_id: Mapping[str, Found]) -> list[Problem]:
    """Return what is referred to and is in no file."""
    labels = {label for script in by_id.values() for label in script.labels}
    return [
        Problem(where=script.path, what=f"comes after revision {parent}, which is in no file")
        for script in by_id.values()
        for parent in script.down
        if parent not in by_id
    ] + [
        Problem(where=script.path, what=f"depends on {other}, which is neither a revision nor a label of a branch")
        for script in by_id.values()
        for other in script.depends_on
        if other not in by_id and other not in labels
    ]


def _ends(by_id: Mapping[str, Found]) -> list[Problem]:
    problems = []
    heads = _heads(by_id)
    if len(heads) > 1:
        problems += [
            Problem(
                where=by_id[head].path,
                what=f"revision {head} is one of {len(heads)} heads",
                hint=f"join them: alembic merge {' '.join(heads)}" if head == heads[-1] else "",
            )
            for head in heads
        ]
    bases = sorted(revision for revision, script in by_id.items() if not script.down)
    if len(bases) > 1:
        problems += [
            Problem(where=by_id[base].path, what=f"revision {base} is one of {len(bases)} bases; one is allowed")
            for base in bases
        ]
    return problems


def _heads(by_id: Mapping[str, Found]) -> tuple[str, ...]:
    followed = {parent for script in by_id.values() for parent in script.down}
    return tuple(sorted(set(by_id) - followed))


def _parents(by_id: Mapping[str, Found]) -> dict[str, set[str]]:
    """Return what each revision builds on, as far as it is there; a label stands for the revisions that carry it."""
    carriers: dict[str, set[str]] = {}
    for revision, script in by_id.items():
        for label in script.labels:
            carriers.setdefault(label, set()).add(revision)
    parents = {}
    for revision, script in by_id.items():
        needed = set(script.down)
        for other in script.depends_on:
            needed |= carriers.get(other, {other})
        parents[revision] = needed & set(by_id)
    return parents


def _sorted_topologically(parents: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the revisions, each after its parents, in the order of their ids where that leaves a choice."""
    waiting = {revision: set(needed) for revision, needed in parents.items()}
    ready = [revision for revision, needed in waiting.items() if not needed]
    heapify(ready)
    line: list[str] = []
    while ready:
        revision = heappop(ready)
        line.append(revision)
        for other, needed in waiting.items():
            if revision in needed:
                needed.remove(revision)
                if not needed:
                    heappush(ready, other)
    return tuple(line)
