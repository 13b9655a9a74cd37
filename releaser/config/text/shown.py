"""How is a text from a file repeated in a message? On one line, without what moves a cursor, and not without end."""

from __future__ import annotations

_QUOTED = 40
"""Characters of a value that a message repeats."""
_SENTENCE = 400
"""Characters of a sentence about one: a setting's longest, and what it repeats."""


def quoted(text: str) -> str:
    """Return `text` in single quotes, on one line, shortened if it is long."""
    shown = escaped(text[: _QUOTED + 1])
    return f"'{shown}'" if len(text) <= _QUOTED else f"'{shown[: _QUOTED - 3]}...'"


def escaped(text: str) -> str:
    """Return `text` with each character that has no shape written as TOML writes it."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def sentence(text: str) -> str:
    """Return `text` as part of a message: escaped, and cut where nobody reads on."""
    return escaped(text if len(text) <= _SENTENCE else text[: _SENTENCE - 3] + "...")


def advice(text: str) -> str:
    """Return the hint `text`, or none where it cannot be followed as it would be shown."""
    return text if text.isprintable() and len(text) <= _SENTENCE else ""


def _escape(character: str) -> str:
    code = ord(character)
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return short.get(character) or (f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}")
