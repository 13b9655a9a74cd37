"""The JSON schema of rel/config.toml: valid itself, true of what the reader takes, and of use to an editor."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.zoo import BROKEN, VALID

from releaser.config.schema import DIALECT, json_schema

ROOT = Path(__file__).parents[3]
EXAMPLES = [ROOT / "rel" / "config.toml", *sorted((ROOT / "examples").glob("*/rel/config.toml"))]
NEEDS_ANOTHER_TABLE = {
    "default_environment_unknown",
    "default_release_unknown",
    "extends_nothing",
    "extends_without_an_entry_point",
    "migrations_of_a_database_without_scripts",
    "migrations_of_targets",
    "migrations_without_scripts",
    "neither_entry_point_nor_command",
    "process_without_a_program",
    "readiness_without_a_way",
}
"""Broken only together with another table, which a schema cannot look at."""
NOT_THE_SAME_TO_PYTHON = {"multi_line_text", "syntax_carriage_returns"}
"""A `$` that also matches in front of a last line feed, as only Python has it; a file that tomllib reads."""
if sys.version_info >= (3, 15):
    NOT_THE_SAME_TO_PYTHON.add("syntax_inline_table_over_lines")  # TOML 1.1, which tomllib reads from 3.15 on


def errors_of(path: Path) -> list[Any]:
    return list(Draft202012Validator(json_schema()).iter_errors(tomllib.loads(path.read_text("utf-8-sig"))))


def test_the_schema_is_valid_by_its_metaschema_and_names_it() -> None:
    schema = json_schema()

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", [*EXAMPLES, *VALID], ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_a_file_that_the_reader_takes_fits_the_schema(path: Path) -> None:
    assert errors_of(path) == []


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_an_editor_sees_what_is_wrong_before_a_build_does(path: Path) -> None:
    if path.stem in NOT_THE_SAME_TO_PYTHON:
        return
    try:
        errors = errors_of(path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return  # every editor sees that this is no TOML

    assert bool(errors) is (path.stem not in NEEDS_ANOTHER_TABLE)


def test_every_setting_has_a_description_for_the_editor() -> None:
    settings = json_schema()["$defs"]["settings"]["properties"]

    assert all(schema["description"].endswith((".", ")")) for schema in settings.values())


def test_no_description_has_a_link_that_leads_nowhere_from_an_editor() -> None:
    text = json.dumps(json_schema())

    assert ".md)" not in text
    assert "See `releaser docs overlays_and_plugins`." in text


def test_every_example_and_default_in_the_schema_fits_it() -> None:
    schema = json_schema()
    for name, setting in schema["$defs"]["settings"]["properties"].items():
        validator = Draft202012Validator({**setting, "$defs": schema["$defs"]})
        for value in [*setting["examples"], *([setting["default"]] if "default" in setting else [])]:
            assert list(validator.iter_errors(value)) == [], name
