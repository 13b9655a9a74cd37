"""What does a Pipfile ask for? TOML of Pipenv's own; the words here are those of a requirements file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from releaser.plan.project.formats.tables import table_in
from releaser.plan.project.locks.lines import index_options
from releaser.plan.project.reading import Unreadable, text_of, toml_in

NAME = "Pipfile"
_IN_LOCK = {"develop": "dev-packages"}
"""Of categories that Pipfile.lock calls otherwise, their name here."""
_MARKERS = ("sys_platform", "platform_machine", "platform_system", "python_version", "os_name")


def read_pipfile(folder: Path) -> dict[str, Any] | None:
    """Return what the Pipfile in `folder` says; None: there is none that can be read."""
    try:
        return toml_in(text_of(folder / NAME))
    except (Unreadable, ValueError):
        return None


def pipfile_lines(data: Mapping[str, Any], groups: Collection[str] = ()) -> Iterator[str]:
    """Yield the lines of a requirements file for `[packages]` and the categories in `groups`."""
    sources = data.get("source", ())
    yield from index_options(
        str(source.get("url", ""))
        for source in (sources if isinstance(sources, list) else ())
        if isinstance(source, dict)
    )
    for category in ("packages", *groups):
        for name, wanted in table_in(data, _IN_LOCK.get(category, category)).items():
            yield _line(name, wanted if isinstance(wanted, dict) else {"version": str(wanted)})


def python_of(data: Mapping[str, Any]) -> str:
    """Return the Python that `[requires]` names, `3.12` or `3.12.4`; empty without one."""
    requires = table_in(data, "requires")
    return str(requires.get("python_full_version") or requires.get("python_version") or "")


def _line(name: str, entry: Mapping[str, Any]) -> str:
    extras = ",".join(map(str, entry.get("extras", ())))
    what = f"{name}[{extras}]" if extras else name
    markers = [f"({entry['markers']})"] if entry.get("markers") else []
    markers += [f"{marker} {entry[marker]}" for marker in _MARKERS if entry.get(marker)]
    end = f" ; {' and '.join(markers)}" if markers else ""
    if entry.get("git"):
        url = str(entry["git"])
        at = f"@{entry['ref']}" if entry.get("ref") else ""
        return f"{what} @ {url if url.startswith('git+') else f'git+{url}'}{at}{end}"
    if entry.get("path"):
        return f"{entry['path']}{f'[{extras}]' if extras else ''}{end}"
    if entry.get("file"):
        return f"{what} @ {entry['file']}{end}"
    version = str(entry.get("version", "*"))
    return f"{what}{'' if version == '*' else version}{end}"
