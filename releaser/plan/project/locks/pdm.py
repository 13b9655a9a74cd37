"""What does a pdm.lock pin? TOML; PDM notes the groups that led to each package, and their markers, in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage
from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.asked import roots_of
from releaser.plan.project.locks.graph import Edge, Node, edge_of
from releaser.plan.project.locks.lines import by_commit, by_file, by_folder, by_hashes


def pdm_groups(lock: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the extras and groups that a lock was made with; empty: it does not say."""
    return tuple(map(canonicalize_name, texts_in(table_in(lock, "metadata"), "groups")))


def pdm_nodes(lock: Mapping[str, Any], base: Path, project: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the packages of a pdm.lock, one for all its entries of a name and version: extras have their own."""
    entries: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for entry in lock.get("package", ()):
        key = (canonicalize_name(str(entry["name"])), str(entry.get("version", "")), str(entry.get("marker", "")))
        entries.setdefault(key, []).append(entry)
    for (name, version, marker), group in entries.items():
        plain = next((entry for entry in group if not entry.get("extras")), group[0])
        yield Node(
            package=_package(name, version, plain, base, project),
            edges=tuple(_edges(plain)),
            extras={
                canonicalize_name(str(extra)): tuple(_edges(entry))
                for entry in group
                for extra in texts_in(entry, "extras")
            },
            marker=marker,
        )


def pdm_roots(
    lock: Mapping[str, Any], project: Mapping[str, Any], extras: Collection[str], groups: Collection[str]
) -> Iterator[Edge]:
    """Yield what a project asks for; where its build backend computes that, what the lock has in those groups."""
    if "dependencies" not in texts_in(table_in(project, "project"), "dynamic"):
        yield from roots_of(project, extras, groups)
        of_pdm = table_in(table_in(table_in(project, "tool"), "pdm"), "dev-dependencies")
        texts = (text for group in groups for text in texts_in(of_pdm, group))
        yield from (edge for text in texts if (edge := edge_of(text.removeprefix("-e ").strip())))
        return
    wanted = {"default", *map(canonicalize_name, (*extras, *groups))}
    for entry in lock.get("package", ()):
        if wanted.intersection(map(canonicalize_name, texts_in(entry, "groups"))):
            yield Edge(
                name=canonicalize_name(str(entry["name"])),
                extras=frozenset(map(canonicalize_name, texts_in(entry, "extras"))),
                marker=str(entry.get("marker", "")),
            )


def pdm_sources(project: Mapping[str, Any]) -> list[str]:
    """Return the addresses of `[[tool.pdm.source]]`, those after the default index's place."""
    sources = table_in(table_in(project, "tool"), "pdm").get("source", ())
    listed = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
    # One that is called pypi takes the default's place; the others come after it.
    first = [str(source.get("url", "")) for source in listed if source.get("name") == "pypi"]
    return [*(first or [""]), *(str(source.get("url", "")) for source in listed if source.get("name") != "pypi")]


def _edges(entry: Mapping[str, Any]) -> Iterator[Edge]:
    name = canonicalize_name(str(entry["name"]))
    for text in texts_in(entry, "dependencies"):
        edge = edge_of(text)
        if edge is not None and (edge.name != name or edge.extras):  # an extra's entry names the package itself
            yield edge


def _package(
    name: str, version: str, entry: Mapping[str, Any], base: Path, project: Mapping[str, Any]
) -> LockedPackage:
    files = [file for file in entry.get("files", ()) if isinstance(file, dict)]
    hashes = [str(file["hash"]) for file in files if "hash" in file]
    if "path" in entry:
        path = base / str(entry["path"])
        if path.suffix in (".whl", ".gz", ".zip"):
            return by_file(name, version, path.resolve().as_uri(), hashes)
        return by_folder(name, version, path)
    if "git" in entry:
        url = f"git+{entry['git']}"
        return by_commit(name, version, url, str(entry.get("revision", "")), str(entry.get("subdirectory", "")))
    if "url" in entry:
        return by_file(name, version, str(entry["url"]), hashes)
    return by_hashes(name, version, hashes, _index(files, project))


def _index(files: Collection[Mapping[str, Any]], project: Mapping[str, Any]) -> str:
    """Return the source that the files of a package lie below, where the lock has their addresses."""
    sources = table_in(table_in(project, "tool"), "pdm").get("source", ())
    for source in sources if isinstance(sources, list) else ():
        url = str(source.get("url", "")) if isinstance(source, dict) else ""
        top = url.rstrip("/").removesuffix("/simple")
        if top and any(str(file.get("url", "")).startswith(f"{top}/") for file in files):
            return f"{source.get('name') or 'index'}={url}"
    return ""
