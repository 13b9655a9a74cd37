"""What does a poetry.lock pin? Read as it stands: TOML with names, versions, hashes and markers, of format 1 or 2."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from releaser.plan.facts import LockedPackage
from releaser.plan.project.formats.poetry import requirements_of, versions_of
from releaser.plan.project.formats.tables import table_in, texts_in
from releaser.plan.project.locks.asked import requirements_of_groups
from releaser.plan.project.locks.graph import Edge, Node, edge_of
from releaser.plan.project.locks.lines import by_commit, by_file, by_folder, by_hashes


def poetry_nodes(lock: Mapping[str, Any], base: Path, project: Mapping[str, Any]) -> Iterator[Node]:
    """Yield the packages of a poetry.lock, whose paths start at `base`; `project` is the pyproject.toml beside it."""
    old_files = table_in(table_in(lock, "metadata"), "files")  # format 1
    for entry in lock.get("package", ()):
        name = canonicalize_name(str(entry["name"]))
        files = entry.get("files", old_files.get(entry["name"], ()))
        markers = entry.get("markers", "")
        yield Node(
            package=_package(name, entry, files, base),
            edges=tuple(_edges(table_in(entry, "dependencies"))),
            extras={
                canonicalize_name(extra): tuple(edge for text in texts if (edge := edge_of(_named(str(text)))))
                for extra, texts in table_in(entry, "extras").items()
            },
            # By group where the groups differ; a package that one of them needs is needed.
            marker="" if isinstance(markers, dict) else str(markers),
        )


def poetry_roots(project: Mapping[str, Any], extras: Collection[str], groups: Collection[str]) -> Iterator[Edge]:
    """Yield what a project asks for, with the named extras and groups."""
    texts = poetry_requirements(project, extras, groups)
    yield from (edge for text in texts if (edge := edge_of(text)))


def poetry_requirements(
    project: Mapping[str, Any], extras: Collection[str] = (), groups: Collection[str] = ()
) -> list[str]:
    """Return the requirements of a project of Poetry's, those of the named extras and groups among them."""
    table, poetry = table_in(project, "project"), table_in(table_in(project, "tool"), "poetry")
    of_extras = table_in(poetry, "extras")
    chosen = {canonicalize_name(extra) for extra in extras}
    optional = frozenset(
        str(name) for extra, names in of_extras.items() if canonicalize_name(extra) in chosen for name in names
    )
    texts = [*texts_in(table, "dependencies")]
    for extra, listed in table_in(table, "optional-dependencies").items():
        texts += [str(text) for text in listed] if canonicalize_name(extra) in chosen else []
    texts += requirements_of(table_in(poetry, "dependencies"), optional)
    texts += requirements_of_groups(project, groups)
    for group in groups:
        tables = [table_in(table_in(table_in(poetry, "group"), group), "dependencies")]
        tables += [table_in(poetry, "dev-dependencies")] if group == "dev" else []
        texts += [text for each in tables for text in requirements_of(each)]
    return texts


def _package(name: str, entry: Mapping[str, Any], files: Any, base: Path) -> LockedPackage:
    version, source = str(entry["version"]), table_in(entry, "source")
    hashes = [str(file["hash"]) for file in files if isinstance(file, dict) and "hash" in file]
    match source.get("type"):
        case "git":
            commit = str(source.get("resolved_reference", ""))
            return by_commit(name, version, f"git+{source.get('url')}", commit, str(source.get("subdirectory", "")))
        case "directory":
            return by_folder(name, version, base / str(source.get("url", ".")))
        case "file":
            return by_file(name, version, (base / str(source.get("url"))).resolve().as_uri(), hashes)
        case "url":
            return by_file(name, version, str(source.get("url")), hashes)
        case "legacy":
            index = f"{source.get('reference') or 'index'}={source.get('url')}"
            return by_hashes(name, version, hashes, index)
        case _:
            return by_hashes(name, version, hashes)


def _edges(table: Mapping[str, Any]) -> Iterator[Edge]:
    for name, wanted in table.items():
        for one in wanted if isinstance(wanted, list) else [wanted]:
            described = one if isinstance(one, dict) else {"version": str(one)}
            marker = str(described.get("markers", ""))
            if described.get("optional") and "extra" not in marker:
                continue  # format 1: an extra's, and listed there
            yield Edge(
                name=canonicalize_name(name),
                extras=frozenset(canonicalize_name(str(extra)) for extra in described.get("extras", ())),
                marker=marker,
                versions=versions_of(str(described.get("version", "*"))),
            )


def _named(text: str) -> str:
    """Return the name, extras and marker of an extra's requirement; its range is written in Poetry's way."""
    what, _, marker = text.partition(";")
    name = what.partition("(")[0].strip()
    return f"{name} ; {marker}" if marker.strip() else name
