"""What does a Pipfile.lock pin? JSON, one flat table for each category of packages: `default`, `develop` and others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage
from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.graph import holds
from releaser.plan.project.locks.lines import PYPI, by_commit, by_file, by_folder, by_hashes

_META = "_meta"


def pipenv_groups(lock: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the categories besides `default`."""
    return tuple(name for name, table in lock.items() if name not in (_META, "default") and isinstance(table, dict))


def pipenv_packages(
    lock: Mapping[str, Any], base: Path, groups: Collection[str], environment: Mapping[str, str]
) -> tuple[LockedPackage, ...]:
    """Return the packages of `default` and of the named categories, sorted by name; paths start at `base`."""
    sources = {str(source.get("name")): str(source.get("url", "")) for source in _sources(lock)}
    found: dict[str, LockedPackage] = {}
    for group in ("default", *groups):
        for name, entry in table_in(lock, group).items():
            if isinstance(entry, dict) and holds(_marker(entry), environment):
                canonical = canonicalize_name(name)
                found.setdefault(canonical, _package(canonical, entry, base, sources))
    return tuple(found[name] for name in sorted(found))


def pipenv_missing(lock: Mapping[str, Any], pipfile: Mapping[str, Any]) -> str:
    """Return a package that a Pipfile asks for and its lock does not have: it is older than that; empty: none is."""
    locked = {canonicalize_name(name) for name in table_in(lock, "default")}
    wanted = (canonicalize_name(name) for name in table_in(pipfile, "packages"))
    return next((name for name in wanted if name not in locked), "")


def pipenv_sources(lock: Mapping[str, Any]) -> list[str]:
    """Return the addresses of the indexes that a lock was made from, in their order."""
    return [str(source.get("url", "")) for source in _sources(lock)]


def _sources(lock: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    listed = table_in(lock, _META).get("sources", ())
    yield from (source for source in listed if isinstance(source, dict)) if isinstance(listed, list) else ()


def _marker(entry: Mapping[str, Any]) -> str:
    markers = [f"({entry['markers']})"] if entry.get("markers") else []
    if entry.get("sys_platform"):
        markers.append(f"sys_platform {entry['sys_platform']}")
    return " and ".join(markers)


def _package(name: str, entry: Mapping[str, Any], base: Path, sources: Mapping[str, str]) -> LockedPackage:
    version = str(entry.get("version", "")).removeprefix("==")
    hashes = texts_in(entry, "hashes")
    if entry.get("git"):
        url = f"git+{str(entry['git']).removeprefix('git+')}"
        return by_commit(name, version, url, str(entry.get("ref", "")), str(entry.get("subdirectory", "")))
    if entry.get("path"):
        return by_folder(name, version, base / str(entry["path"]))
    if entry.get("file"):
        return by_file(name, version, str(entry["file"]), hashes)
    index = str(entry.get("index", ""))
    url = sources.get(index, "")
    is_default = url.rstrip("/") in ("", PYPI)
    return by_hashes(name, version, hashes, "" if is_default else f"{index}={url}")
