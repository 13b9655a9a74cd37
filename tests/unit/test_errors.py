"""Why the system refused, in the words that people get."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from releaser.errors import reason_of


def test_a_reason_is_the_systems_own_in_lower_case() -> None:
    assert reason_of(OSError(28, "No space left on device", "a file")) == "no space left on device"


def test_a_folder_that_could_not_be_copied_has_the_reason_of_its_first_file(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from/one").write_text("")
    (tmp_path / "from/two: 'more").write_text("")

    def refuse(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", source, None, target)

    with pytest.raises(shutil.Error) as raised:
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=refuse)
    assert reason_of(raised.value) == "no space left on device"
