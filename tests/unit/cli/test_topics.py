"""`releaser docs`: the pages that the installed package carries."""

from __future__ import annotations

from pathlib import Path

import pytest

import releaser
from releaser.cli.topics import page, topic_lines
from releaser.errors import UsageError

DOCS = Path(releaser.__file__).parent / "docs"


def test_every_page_is_listed_with_its_title() -> None:
    listed = "\n".join(topic_lines())

    for path in DOCS.glob("*/*.md"):
        assert f"  {path.stem} " in listed
    assert "rel/config.toml" in listed
    assert max(map(len, topic_lines())) <= 80


def test_a_page_is_printed_by_its_name_or_by_its_folder_and_name() -> None:
    assert page("cli") == (DOCS / "reference" / "cli.md").read_text()
    assert page("reference/release-tree") == (DOCS / "reference" / "release_tree.md").read_text()


def test_a_page_that_is_not_there_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no page 'confg'") as caught:
        page("confg")
    assert caught.value.hint == "did you mean 'config'?"
