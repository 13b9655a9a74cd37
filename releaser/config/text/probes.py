"""What may be asked over HTTP, and which answers count? Checks as in `checks`; RFC 9110 says what a header is."""

from __future__ import annotations

import re

from releaser.config.text.substitution import Wrong, expand

STATUS_PATTERN = "([1-5][0-9][0-9]|[1-5][0-9][0-9]-[1-5][0-9][0-9]|<[1-6][0-9][0-9])"
HEADER_PATTERN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
OWN_HEADERS = ("connection", "content-length", "transfer-encoding")
"""What a probe says itself: one request without a body, on a connection that ends with it."""


def status_range(text: str) -> None:
    """Check which statuses count: `204`, `200-399` or `<500`."""
    if not re.fullmatch(STATUS_PATTERN, text):
        raise Wrong
    first, dash, last = text.partition("-")
    if dash and int(first) > int(last):
        raise Wrong(f"no status is from {first} to {last}", f"write '{last}-{first}'")


def header_name(text: str) -> None:
    """Check the name of a header that a probe sends."""
    if not re.fullmatch(HEADER_PATTERN, text):
        raise Wrong("a header's name has letters, digits and '-'")
    if text.lower() in OWN_HEADERS:
        raise Wrong(f"the probe itself says what '{text}' is", "remove it")


def header_value(text: str) -> None:
    """Check the value of such a header: one line of ASCII; `${NAME}` in it is replaced at start."""
    if not text.isascii() or not text.isprintable():
        raise Wrong("a header's value is one line of printable ASCII")
    expand(text)
