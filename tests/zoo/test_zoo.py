"""Every small configuration of this folder is told in exactly the words beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import zoo


@pytest.mark.parametrize("config", zoo.BROKEN, ids=lambda path: path.stem)
def test_a_broken_configuration_is_told_in_the_words_beside_it(config: Path, tmp_path: Path) -> None:
    told = zoo.told_of(config, tmp_path)

    assert told.startswith("error: cannot use rel/config.toml")
    assert told == config.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("config", zoo.VALID, ids=lambda path: path.stem)
def test_a_valid_configuration_gives_the_profile_beside_it(config: Path, tmp_path: Path) -> None:
    assert zoo.told_of(config, tmp_path) == config.with_suffix(".txt").read_text(encoding="utf-8")


def test_the_zoo_is_not_empty_and_every_text_has_its_configuration() -> None:
    texts = {path.stem for path in zoo.FOLDER.rglob("*.txt")}

    assert len(zoo.BROKEN) >= 60
    assert texts == {path.stem for path in (*zoo.BROKEN, *zoo.VALID)}
