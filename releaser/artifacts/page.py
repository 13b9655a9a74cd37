"""How does a release look? One page without anything from elsewhere: a map of its sizes, and what starts what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from releaser.artifacts.boot import boot_order, upgrade_hooks
from releaser.artifacts.outline import amount, identity, parts_of
from releaser.artifacts.packages import are_packed
from releaser.artifacts.reading import Artifact
from releaser.artifacts.treemap import Rectangle, squarify

TEMPLATE = Path(__file__).parent / "page.html.j2"
ROOM = Rectangle(0, 0, 1000, 520)
MOST_TILES = 60
_HUES = 8
_SMALLEST_SHARE = 0.0005
_LETTER_WIDTH = 7.4
_LINE_HEIGHT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One rectangle of the map."""

    name: str
    detail: str
    """What is told when one points at it."""
    size: str
    hue: int
    """Number of its colour; those of one kind share one."""
    place: Rectangle
    label: str
    """As much of the name as there is room for."""
    has_size: bool
    """Whether there is room for the size too."""


def page(artifact: Artifact) -> str:
    """Return the page as HTML."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["amount"] = amount
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        artifact=artifact,
        manifest=artifact.manifest,
        identity=identity(artifact),
        is_packed=are_packed(artifact.packages),
        room=ROOM,
        tiles=_tiles(artifact),
        parts=sorted(parts_of(artifact), key=lambda part: -part.size_bytes),
        phases=boot_order(artifact.manifest),
        upgrade=upgrade_hooks(artifact.manifest),
    )


def _tiles(artifact: Artifact) -> list[Tile]:
    """Return the map: each package of the bundle as it is unpacked, and the parts of the tree beside the bundle."""
    things = sorted(_things(artifact), key=lambda thing: (-thing[3], thing[0]))
    total = sum(size_bytes for *_, size_bytes in things)
    shown = [thing for thing in things if thing[3] >= total * _SMALLEST_SHARE][:MOST_TILES]
    rest = things[len(shown) :]
    rest_bytes = sum(size_bytes for *_, size_bytes in rest)
    if rest_bytes >= total * _SMALLEST_SHARE:
        shown = sorted(
            [*shown, (f"{len(rest)} more", "the smallest packages and parts", _HUES - 1, rest_bytes)],
            key=lambda thing: -thing[3],
        )
    places = squarify([size_bytes for *_, size_bytes in shown], ROOM) if shown else []
    return [
        _tile(name, detail, hue, size_bytes, place)
        for (name, detail, hue, size_bytes), place in zip(shown, places, strict=True)
    ]


def _things(artifact: Artifact) -> Iterator[tuple[str, str, int, int]]:
    """Yield name, detail, hue and bytes of everything that takes room on a host."""
    for number, package in enumerate(artifact.packages):
        if package.size_bytes:
            title = f"{package.name} {package.version}".rstrip()
            yield (
                package.name,
                f"{title}: {package.files} files in the bundle",
                number % (_HUES - 2),
                package.size_bytes,
            )
    for part in parts_of(artifact):
        is_unpacked = part.name == "the bundle" and artifact.packages
        if part.size_bytes and not is_unpacked:
            yield part.name, f"{part.path}: {part.files} files", _HUES - 2, part.size_bytes


def _tile(name: str, detail: str, hue: int, size_bytes: int, place: Rectangle) -> Tile:
    letters = int((place.width - 12) / _LETTER_WIDTH)
    fits = place.height >= _LINE_HEIGHT * 0.7
    label = name if len(name) <= letters else f"{name[: letters - 1]}…" if letters > 3 else ""
    return Tile(
        name=name,
        detail=detail,
        size=amount(size_bytes),
        hue=hue,
        place=place,
        label=label if fits else "",
        has_size=fits and place.height >= _LINE_HEIGHT * 1.3 and len(amount(size_bytes)) <= letters,
    )
