"""How do sizes become rectangles that are easy to compare? Squarified treemaps (Bruls, Huizing, van Wijk, 2000).

The largest come first; a row of rectangles grows along the shorter side for as long as that makes its worst one less
oblong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A place on the map; `x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float


def squarify(sizes: Sequence[float], room: Rectangle) -> list[Rectangle]:
    """Return a rectangle for each of `sizes`, which are positive and fall, that together fill `room`."""
    placed: list[Rectangle] = []
    total = sum(sizes)
    areas = [size / total * room.width * room.height for size in sizes]
    while areas:
        shorter = min(room.width, room.height)
        count = 1
        while count < len(areas) and _worst(areas[: count + 1], shorter) <= _worst(areas[:count], shorter):
            count += 1
        row, areas = areas[:count], areas[count:]
        placed_row, room = _place(row, room)
        placed += placed_row
    return placed


def _worst(row: Sequence[float], shorter: float) -> float:
    """Return the largest ratio of sides in a row of areas along a side."""
    total = sum(row)
    thickness = total / shorter if shorter else 0.0
    if not thickness:
        return float("inf")
    lengths = [area / thickness for area in row]
    return max(max(thickness / length, length / thickness) for length in lengths)


def _place(row: Sequence[float], room: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """Return the rectangles of a row, and the room that is left beside it."""
    total = sum(row)
    placed: list[Rectangle] = []
    if room.width >= room.height:
        thickness = total / room.height
        y = room.y
        for area in row:
            placed.append(Rectangle(room.x, y, thickness, area / thickness))
            y += area / thickness
        return placed, Rectangle(room.x + thickness, room.y, max(room.width - thickness, 0.0), room.height)
    thickness = total / room.width
    x = room.x
    for area in row:
        placed.append(Rectangle(x, room.y, area / thickness, thickness))
        x += area / thickness
    return placed, Rectangle(room.x, room.y + thickness, room.width, max(room.height - thickness, 0.0))
