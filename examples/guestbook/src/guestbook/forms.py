"""What a guest may write: text in, a draft with its problems out."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

LIMITS = {"author": 100, "place": 100, "message": 1000}
"""Most characters of each field."""


@dataclass(frozen=True)
class Draft:
    """What was written, and what is wrong with it: field to message."""

    author: str = ""
    place: str = ""
    message: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


def parse(body: bytes) -> Draft:
    """Return the draft that a form posted as `application/x-www-form-urlencoded`."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
    except ValueError:  # more fields than the form has
        fields = {}
    values = {name: _cleaned(fields.get(name, [""])[0], multiline=name == "message") for name in LIMITS}
    return Draft(**values, problems=_problems(values))


def _problems(values: Mapping[str, str]) -> dict[str, str]:
    problems = {}
    if not values["author"]:
        problems["author"] = "Tell us your name."
    if not values["message"]:
        problems["message"] = "Write a message."
    for name, limit in LIMITS.items():
        if len(values[name]) > limit:
            problems[name] = f"That is {len(values[name])} characters long; {limit} fit."
    return problems


def _cleaned(text: str, *, multiline: bool) -> str:
    """Return `text` without control characters (PostgreSQL stores no NUL) and without space around it."""
    text = text.replace("\r\n", "\n")
    if not multiline:
        text = " ".join(text.split())
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cs"}).strip()
