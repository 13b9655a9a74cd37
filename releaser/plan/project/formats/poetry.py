"""What does Poetry mean by its own way to write versions: `^1.2`, `~1.2`, `{ version = ..., python = ... }`?

The rules are those of Poetry's page "Dependency specification"; the words here are PEP 440's and PEP 508's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

_BOUND = re.compile(r"(?P<sign>\^|~(?!=))\s*v?(?P<release>\d+(?:\.\d+)*)(?P<rest>[A-Za-z0-9.+-]*)")


def versions_of(constraint: str) -> str:
    """Return a range of Poetry's as PEP 440 has it; empty for any version, and for alternatives, which it has not."""
    if "|" in constraint:
        return ""
    parts = [part for part in re.split(r"\s*,\s*|\s+(?=[\^~<>=!])", constraint.strip()) if part not in ("", "*")]
    text = ",".join(_range(part) for part in parts)
    try:
        return str(SpecifierSet(text))
    except InvalidSpecifier:
        return ""


def requirements_of(table: Mapping[str, Any], optional: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the requirements of PEP 508 that a table of Poetry's dependencies asks for.

    Python itself is none of them, nor is what is optional and not named in `optional`.
    """
    for name, wanted in table.items():
        if name.lower() == "python":
            continue
        for one in wanted if isinstance(wanted, list) else [wanted]:
            described = one if isinstance(one, dict) else {"version": str(one)}
            if not described.get("optional") or name in optional:
                yield _requirement(name, described)


def _requirement(name: str, described: Mapping[str, Any]) -> str:
    extras = ",".join(map(str, described.get("extras", ())))
    what = f"{name}[{extras}]" if extras else name
    markers = [f"({marker})" for marker in _markers(described)]
    end = f" ; {' and '.join(markers)}" if markers else ""
    if url := _url(described):
        return f"{what} @ {url}{end}"
    return f"{what}{versions_of(str(described.get('version', '*')))}{end}"


def _url(described: Mapping[str, Any]) -> str:
    if git := described.get("git"):
        revision = described.get("rev") or described.get("tag") or described.get("branch")
        folder = f"#subdirectory={described['subdirectory']}" if described.get("subdirectory") else ""
        return f"git+{git}{f'@{revision}' if revision else ''}{folder}"
    path = described.get("path")
    return str(described.get("url", "")) or (
        f"./{path}" if path and not str(path).startswith(("/", ".")) else path or ""
    )


def _markers(described: Mapping[str, Any]) -> Iterator[str]:
    if text := described.get("markers"):
        yield str(text)
    if text := described.get("python"):
        for part in filter(None, versions_of(str(text)).split(",")):
            match = re.match(r"(===|[<>=!~]=|[<>])\s*(.+)", part)
            if match:
                yield f'python_full_version {match[1]} "{match[2]}"'
    if text := described.get("platform"):
        yield f'sys_platform == "{text}"'


def _range(part: str) -> str:
    match = _BOUND.fullmatch(part)
    if match is None:
        return part if re.match(r"[<>=!~]", part) else f"=={part.removeprefix('v')}"
    numbers = [int(each) for each in match["release"].split(".")]
    if match["sign"] == "~":
        kept = min(len(numbers), 2)
    else:
        first = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
        kept = first + 1
    end = [*numbers[: kept - 1], numbers[kept - 1] + 1]
    return f">={match['release']}{match['rest']},<{'.'.join(map(str, end))}"
