"""Which packages of a lock does a project get? Those that its own dependencies lead to, and no others.

A lock holds more than one installation: packages of groups and extras that nobody asked for, of other platforms, of
other Pythons. Whoever wants to know what a bundle will hold walks from the project's dependencies along the edges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What a package or the project asks for."""

    name: str
    """Normalized."""
    extras: frozenset[str] = frozenset()
    marker: str = ""
    versions: str = ""
    """A range as PEP 440 has it, which tells one of several versions; empty: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A package as a lock has it."""

    package: LockedPackage
    edges: tuple[Edge, ...] = ()
    """What it needs; an edge whose marker names an extra is needed with that extra alone."""
    extras: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)
    """What each extra adds, for formats that keep that apart."""
    marker: str = ""
    """Where it is meant to be installed; empty: everywhere."""


class NotLocked(Exception):
    """Something is asked for that the lock does not have."""

    def __init__(self, name: str, asked_by: str) -> None:
        super().__init__(name, asked_by)
        self.name = name
        self.asked_by = asked_by
        """Name of the package that asks for it; empty: the project."""


def edge_of(text: str) -> Edge | None:
    """Return what a requirement of PEP 508 asks for; None: it is none."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    return Edge(
        name=canonicalize_name(found.name),
        extras=frozenset(map(canonicalize_name, found.extras)),
        marker=str(found.marker or ""),
        versions=str(found.specifier),
    )


def holds(marker: str, environment: Mapping[str, str], extras: Collection[str] = ()) -> bool:
    """Tell whether `marker` holds with any of `extras`; one that nothing is known of holds."""
    if not marker:
        return True
    try:
        parsed = Marker(marker)
        return any(parsed.evaluate({**environment, "extra": extra}) for extra in (extras or ("",)))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True


def walk(roots: Iterable[Edge], nodes: Iterable[Node], environment: Mapping[str, str]) -> tuple[LockedPackage, ...]:
    """Return the packages that `roots` lead to in `environment`, sorted by name.

    Raises:
        NotLocked: something that is asked for is not among `nodes`.
    """
    by_name: dict[str, list[Node]] = {}
    for node in nodes:
        by_name.setdefault(node.package.name, []).append(node)
    found: dict[str, Node] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(edge, "") for edge in roots if holds(edge.marker, environment)]
    while waiting:
        edge, asked_by = waiting.pop(0)
        if edge.name not in found:
            meant = _meant(edge, by_name.get(edge.name, ()), environment)
            if meant is None:
                raise NotLocked(edge.name, asked_by)
            found[edge.name] = meant
        node = found[edge.name]
        for extra in ("", *edge.extras):
            if (edge.name, extra) not in seen:
                seen.add((edge.name, extra))
                waiting += [(each, edge.name) for each in _edges(node, extra, environment)]
    return tuple(found[name].package for name in sorted(found))


def _edges(node: Node, extra: str, environment: Mapping[str, str]) -> list[Edge]:
    """Return what a package needs by itself, or what one of its extras adds."""
    edges = (*node.edges, *node.extras.get(extra, ())) if extra else node.edges
    return [edge for edge in edges if holds(edge.marker, environment, (extra,))]


def _meant(edge: Edge, nodes: Collection[Node], environment: Mapping[str, str]) -> Node | None:
    """Return which of the packages of one name an edge means: the one of this environment and of its range."""
    fitting = [node for node in nodes if holds(node.marker, environment, edge.extras)] or list(nodes)
    within = [node for node in fitting if _is_within(node.package.version, edge.versions)] or fitting
    return within[0] if within else None


def _is_within(version: str, versions: str) -> bool:
    try:
        return not versions or SpecifierSet(versions).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True
