"""What `releaser init` does to files that are there: nothing is lost, and what is added is shown."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from releaser.config import read_config
from releaser.errors import ConfigError, ProjectError
from releaser.init.choices import Choices
from releaser.init.files import changes_for, diff_of, write

CHOICES = Choices(name="shop", entry_point="shop:main", reason="a test", script_location="migrations")
WRITTEN = """\
# Ours, by hand.
[release.web]   # the one
entry_point = "web:main"
hooks = { pre_start = "rel/mine" }

[release.web.migrations]
script_location = "db"

[environment.dev]
dev_mode = true   # quick
"""


def config_in(folder: Path, text: str) -> Path:
    path = folder / "rel" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_a_missing_environment_is_added_and_every_character_of_the_rest_kept(tmp_path: Path) -> None:
    path = config_in(tmp_path, WRITTEN)

    found = changes_for(tmp_path, CHOICES, is_forced=False)
    write(tmp_path, found.changes)

    assert [change.path for change in found.changes] == ["rel/config.toml"]
    lines = path.read_text().splitlines()
    assert [line for line in lines if line in WRITTEN.splitlines() and line] == [
        line for line in WRITTEN.splitlines() if line
    ]
    config = read_config(path)
    assert config.environment_names == ("dev", "prod")
    assert config.profile().environment == "dev"
    assert config.profile("web", "prod").include_python is True


def test_what_was_added_is_shown_as_a_diff_and_nothing_is_removed(tmp_path: Path) -> None:
    config_in(tmp_path, WRITTEN)

    (change,) = changes_for(tmp_path, CHOICES, is_forced=False).changes

    lines = list(diff_of(change))
    assert "+[environment.prod]" in lines
    assert [line for line in lines if line.startswith("-") and not line.startswith("---")] == []


def test_a_file_that_has_everything_is_left_alone(tmp_path: Path) -> None:
    config_in(tmp_path, WRITTEN + "\n[environment.production]\n")

    assert changes_for(tmp_path, CHOICES, is_forced=False).changes == ()


def test_the_second_call_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, changes_for(tmp_path, CHOICES, is_forced=False).changes)

    assert changes_for(tmp_path, CHOICES, is_forced=False) == changes_for(tmp_path, CHOICES, is_forced=True)
    assert changes_for(tmp_path, CHOICES, is_forced=False).changes == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        'default_environment = "prod"\n[environment.prod]\n',
        '[release.web]\nentry_point = "web:main"',
        'release = { web = { entry_point = "web:main" } }\n',
        'release.web.entry_point = "web:main"\nenvironment.prod.include_src = false\n',
        # An order that tomlkit, which edits the file, takes for the same table twice.
        '[release.web.env]\nA = "1"\n[environment.prod]\n[release.web]\nentry_point = "web:main"\n[release]\n',
    ],
)
def test_whatever_is_lacking_is_added_so_that_the_file_can_be_used(tmp_path: Path, text: str) -> None:
    path = config_in(tmp_path, text)
    before = tomllib.loads(text)

    write(tmp_path, changes_for(tmp_path, CHOICES, is_forced=False).changes)

    profile = read_config(path).profile(None, "dev")
    assert profile.dev_mode
    assert profile.migrations
    after = tomllib.loads(path.read_text())
    assert {name: after[name] for name in before if not isinstance(before[name], dict)} == {
        name: value for name, value in before.items() if not isinstance(value, dict)
    }


def test_hooks_that_are_there_are_kept_unless_forced(tmp_path: Path) -> None:
    hook = tmp_path / "rel" / "hooks" / "pre_start"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\n# mine\n")

    found = changes_for(tmp_path, CHOICES, is_forced=False)

    assert found.kept == ("rel/hooks/pre_start",)
    assert "rel/hooks/pre_start" not in [change.path for change in found.changes]
    assert "rel/hooks/pre_start" in [change.path for change in changes_for(tmp_path, CHOICES, is_forced=True).changes]


def test_a_configuration_is_written_anew_only_when_forced(tmp_path: Path) -> None:
    path = config_in(tmp_path, WRITTEN)

    write(tmp_path, changes_for(tmp_path, CHOICES, is_forced=True).changes)

    assert "Ours, by hand" not in path.read_text()
    assert read_config(path).release_names == ("shop",)


def test_a_file_that_is_no_toml_is_refused_and_untouched(tmp_path: Path) -> None:
    path = config_in(tmp_path, "[release")

    with pytest.raises(ProjectError, match="it is not TOML") as caught:
        changes_for(tmp_path, CHOICES, is_forced=False)
    assert caught.value.now == "nothing was written"
    assert path.read_text() == "[release"


def test_a_file_with_a_mark_and_line_endings_of_windows_keeps_them(tmp_path: Path) -> None:
    path = config_in(tmp_path, "")
    text = '\ufeff[release.web]\r\nentry_point = "web:main"\r\n'
    path.write_bytes(text.encode())

    write(tmp_path, changes_for(tmp_path, CHOICES, is_forced=False).changes)

    after = path.read_bytes().decode()
    assert after.startswith("\ufeff")
    assert text.removeprefix("\ufeff") in after
    assert after.count("\n") == after.count("\r\n")
    assert read_config(path).profile(None, "dev").dev_mode


def test_a_pipe_in_the_place_of_the_configuration_is_told_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    os.mkfifo(path)

    with pytest.raises(ConfigError) as caught:
        changes_for(tmp_path, CHOICES, is_forced=False)
    assert [problem.what for problem in caught.value.problems] == ["not a regular file"]
