"""What do packages say that is inside of them? The bills of materials in their metadata, `sboms/*.json` (PEP 770).

auditwheel writes one of the libraries that it put into a wheel, maturin one of the crates that a module was built from.
Only CycloneDX in JSON is read; what is in another form is left to whoever wants it, in the bundle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packageurl import PackageURL


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that a package brings inside its files."""

    name: str
    version: str
    """Empty when it is not said."""
    purl: PackageURL | None
    licence: str
    """An SPDX expression or a name; empty when it is not said."""

    @property
    def reference(self) -> str:
        """What tells it from the other parts of its package."""
        return str(self.purl) if self.purl else f"{self.name}@{self.version}"


def parts_of(dist_info: Path) -> tuple[Part, ...]:
    """Return what the package with this metadata folder says of its inside, by name; itself is left out."""
    found: dict[str, Part] = {}
    for path in sorted(dist_info.glob("sboms/*.json")):
        try:
            bill = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        found |= {part.reference: part for part in _parts(bill)}
    return tuple(sorted(found.values(), key=lambda part: (part.name, part.reference)))


def _parts(bill: Any) -> Iterator[Part]:
    if not isinstance(bill, Mapping) or bill.get("bomFormat") != "CycloneDX":
        return
    itself = _mapping(_mapping(bill.get("metadata")).get("component")).get("bom-ref")
    for component in map(_mapping, _list(bill.get("components"))):
        name = component.get("name")
        if isinstance(name, str) and name and (itself is None or component.get("bom-ref") != itself):
            yield Part(
                name=name,
                version=str(component.get("version") or ""),
                purl=_purl(component.get("purl")),
                licence=_licence(component.get("licenses")),
            )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _purl(value: Any) -> PackageURL | None:
    try:
        return PackageURL.from_string(str(value)) if value else None
    except ValueError:
        return None


def _licence(value: Any) -> str:
    for choice in map(_mapping, _list(value)):
        named = _mapping(choice.get("license"))
        text = choice.get("expression") or named.get("id") or named.get("name")
        if isinstance(text, str) and text:
            return text
    return ""
