"""Which pages of documentation are there? Those of `releaser/docs`, which the installed package carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from textwrap import shorten

from releaser.config.text.nearest import nearest
from releaser.errors import UsageError

KINDS = {
    "how_to": "how to",
    "reference": "reference",
    "explanation": "explanation",
}
"""Folders of pages, in the order they are listed, and what they are called."""

_COLUMNS = 77


def topic_lines() -> list[str]:
    """Return the list of topics with the titles of their pages."""
    lines: list[str] = []
    width = max(len(name.partition("/")[2]) for name in _pages())
    for kind, title in KINDS.items():
        topics = {name: page for name, page in _pages().items() if name.startswith(f"{kind}/")}
        if topics:
            lines += ["" if lines else "topics of `releaser docs TOPIC`", f"{title}:"]
        lines += [f"  {name.partition('/')[2]:<{width}} {_title(page, width)}" for name, page in topics.items()]
    return lines


def page(topic: str) -> str:
    """Return the text of the page `config` or `reference/config`.

    Raises:
        UsageError: there is none of that name, or several.
    """
    pages = _pages()
    wanted = topic.removesuffix(".md").replace("-", "_")
    found = [name for name in pages if wanted in (name, name.partition("/")[2])]
    if len(found) == 1:
        text = pages[found[0]].read_text(encoding="utf-8")
        return re.sub(r"\A<!--.*?-->\n+", "", text)  # who has made the page
    if found:
        raise UsageError(f"there are several pages '{topic}'", hint=f"name one: {', '.join(found)}")
    near = nearest(wanted, [*pages, *(name.partition("/")[2] for name in pages)])
    hint = f"did you mean '{near}'?" if near else "'releaser docs' lists the topics"
    raise UsageError(f"there is no page '{topic}'", hint=hint)


def _pages() -> dict[str, Traversable]:
    found = files("releaser") / "docs"
    return dict(entry for kind in KINDS for entry in _pages_of(kind, found / kind))


def _pages_of(kind: str, folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".md"):
            yield f"{kind}/{entry.name.removesuffix('.md')}", entry


def _title(entry: Traversable, width: int) -> str:
    lines = entry.read_text(encoding="utf-8").splitlines()
    title = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), "")
    return shorten(title, _COLUMNS - width, placeholder=" ...")
