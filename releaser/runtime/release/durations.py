"""What a duration on a command line means: `30`, `30s`, `300ms`, `5m`, `1.5h`."""

from __future__ import annotations

from .failures import USAGE, Failure

_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0))


def seconds(text: str, now: str) -> float:
    """Return a duration in seconds.

    Raises:
        Failure: it is none; `now` is what the message says to be true.
    """
    number, factor = text, 1.0
    for unit, length_s in _UNITS:
        if text.endswith(unit):
            number, factor = text.removesuffix(unit), length_s
            break
    if not number.isascii() or not number.replace(".", "", 1).isdigit():
        raise Failure(f"expected a duration such as 30 or '30s', found '{text}'", USAGE, now=now)
    return float(number) * factor
