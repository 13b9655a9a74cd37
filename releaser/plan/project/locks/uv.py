"""What does a uv.lock pin? uv itself exports it; here is what its graph says before that is done, and which index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage
from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.locks.graph import Edge, Node
from releaser.plan.project.reading import Unreadable, text_of, toml_in

_LOCAL = ("editable", "virtual", "directory")


def uv_nodes(lock: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the packages of a uv.lock."""
    for entry in lock.get("package", ()):
        markers = entry.get("resolution-markers", ())
        yield Node(
            package=LockedPackage(
                name=canonicalize_name(str(entry["name"])),
                version=str(entry.get("version", "")),
                has_hash=_has_hash(entry),
            ),
            edges=tuple(_edges(entry.get("dependencies"))),
            extras={
                canonicalize_name(extra): tuple(_edges(listed))
                for extra, listed in table_in(entry, "optional-dependencies").items()
            },
            marker=" or ".join(f"({marker})" for marker in markers) if isinstance(markers, list) else "",
        )


def uv_roots(
    lock: Mapping[str, Any], inside: str, extras: Collection[str], groups: Collection[str]
) -> tuple[str, tuple[Edge, ...]]:
    """Return the name of the project in the folder `inside`, relative to the lock, and what it asks for.

    The name is empty where the lock does not know the folder.
    """
    for entry in lock.get("package", ()):
        source = table_in(entry, "source")
        if any(_is_same(source.get(kind), inside) for kind in _LOCAL):
            asked = [*_edges(entry.get("dependencies"))]
            for kind, names in (("optional-dependencies", extras), ("dev-dependencies", groups)):
                tables = {canonicalize_name(name): listed for name, listed in table_in(entry, kind).items()}
                asked += [edge for name in names for edge in _edges(tables.get(canonicalize_name(name)))]
            return canonicalize_name(str(entry["name"])), tuple(asked)
    return "", ()


def uv_missing(lock: Mapping[str, Any], own: str, asked: Iterable[Edge]) -> str:
    """Return what the project `own` asks for and its lock was made without: it is older than that; empty: nothing.

    What the lock was made for and does not have was replaced or left out by uv's own settings.
    """
    metadata: Mapping[str, Any] = {}
    names: set[str] = set()
    for entry in lock.get("package", ()):
        names.add(canonicalize_name(str(entry["name"])))
        if canonicalize_name(str(entry["name"])) == own:
            metadata = table_in(entry, "metadata")
    lists = [metadata.get("requires-dist", ()), *table_in(metadata, "requires-dev").values()]
    names |= {canonicalize_name(str(each.get("name"))) for listed in lists for each in listed}
    return next((edge.name for edge in asked if edge.name not in names), "")


def indexes_of(lock: Mapping[str, Any], folders: Iterable[Path]) -> dict[str, str]:
    """Return, by hash, the index of each package that comes from one which the project names: `NAME=URL`.

    It is named in one of `folders`, those of the project and of its workspace. Packages of other indexes are looked for
    where the caller's own settings say, a mirror for one.
    """
    named = {
        _plain(str(index.get("url", ""))): f"{index.get('name') or 'index'}={index.get('url')}"
        for folder in folders
        for index in _named_indexes(folder)
    }
    found: dict[str, str] = {}
    for entry in lock.get("package", ()):
        index = named.get(_plain(str(table_in(entry, "source").get("registry", ""))))
        if index:
            files = [*entry.get("wheels", ()), *([entry["sdist"]] if "sdist" in entry else [])]
            found.update((str(file["hash"]), index) for file in files if isinstance(file, dict) and "hash" in file)
    return found


def _has_hash(entry: Mapping[str, Any]) -> bool:
    """Tell whether something is known of the files of a package: an index need not tell their hashes."""
    if not {"registry", "url"} & set(table_in(entry, "source")):
        return True
    files = [*entry.get("wheels", ()), entry.get("sdist")]
    return any(isinstance(file, dict) and "hash" in file for file in files)


def _named_indexes(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what uv.toml names, or without one `[tool.uv]`, as uv has it."""
    own = _read(folder / "uv.toml")
    settings = table_in(table_in(_read(folder / "pyproject.toml") or {}, "tool"), "uv") if own is None else own
    listed = settings.get("index", ())
    yield from (index for index in listed if isinstance(index, dict)) if isinstance(listed, list) else ()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return toml_in(text_of(path))
    except (Unreadable, ValueError):
        return None


def _plain(url: str) -> str:
    """Return an index's address as the lock has it: without a user."""
    scheme, found, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{found}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


def _edges(listed: object) -> Iterator[Edge]:
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            version = each.get("version")
            extras = each.get("extra", ())
            yield Edge(
                name=canonicalize_name(each["name"]),
                extras=frozenset(canonicalize_name(str(extra)) for extra in extras),
                marker=str(each.get("marker", "")),
                versions=f"=={version}" if version else "",
            )


def _is_same(path: object, inside: str) -> bool:
    return isinstance(path, str) and Path(path) == Path(inside)
