"""What does pyproject.toml ask for, by itself and with its extras and groups?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.graph import Edge, edge_of


def requirements_of_groups(project: Mapping[str, Any], groups: Collection[str]) -> Iterator[str]:
    """Yield the requirements of `[dependency-groups]`, those of included groups with them (PEP 735)."""
    table = {canonicalize_name(name): listed for name, listed in table_in(project, "dependency-groups").items()}
    waiting = [canonicalize_name(group) for group in groups]
    seen: set[str] = set()
    while waiting:
        group = waiting.pop()
        if group in seen:
            continue
        seen.add(group)
        for each in table.get(group, ()) if isinstance(table.get(group, ()), list) else ():
            if isinstance(each, str):
                yield each
            elif isinstance(each, dict) and isinstance(each.get("include-group"), str):
                waiting.append(canonicalize_name(each["include-group"]))


def roots_of(project: Mapping[str, Any], extras: Collection[str], groups: Collection[str]) -> Iterator[Edge]:
    """Yield what `[project]` asks for, with the named extras and groups of PEP 735."""
    table = table_in(project, "project")
    chosen = {canonicalize_name(extra) for extra in extras}
    texts = [*texts_in(table, "dependencies")]
    for extra, listed in table_in(table, "optional-dependencies").items():
        if canonicalize_name(extra) in chosen and isinstance(listed, list):
            texts += [str(text) for text in listed]
    texts += requirements_of_groups(project, groups)
    yield from (edge for text in texts if (edge := edge_of(text)))
