"""The JSON schema of rel/config.toml: valid itself, true of what the reader takes, and of use to an editor."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.zoo import BROKEN, VALID

from releaser.config.schema import DIALECT, json_schema

ROOT = Path(__file__).parents[3]
EXAMPLES = [ROOT / "rel" / "config.toml", *sorted((ROOT / "examples").glob("*/rel/config.toml"))]
SEEN_BY_THE_SCHEMA = (
    "command_empty",
    "config_providers",
    "durations",
    "entry_point_and_command",
    "env_number",
    "include_python_number",
    "python_optimize",
    "readiness_two_ways",
    "release_is_text",
    "required_env_text",
    "unknown_event",
    "unknown_key",
    "unknown_key_at_the_top",
    "version_command",
)


def errors_of(path: Path) -> list[Any]:
    return list(Draft202012Validator(json_schema()).iter_errors(tomllib.loads(path.read_text("utf-8-sig"))))


def test_the_schema_is_valid_by_its_metaschema_and_names_it() -> None:
    schema = json_schema()

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", [*EXAMPLES, *VALID], ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_a_file_that_the_reader_takes_fits_the_schema(path: Path) -> None:
    assert errors_of(path) == []


@pytest.mark.parametrize("name", SEEN_BY_THE_SCHEMA)
def test_an_editor_sees_what_is_wrong_before_a_build_does(name: str) -> None:
    path = next(path for path in BROKEN if path.stem == name)

    assert errors_of(path)


def test_every_setting_has_a_description_for_the_editor() -> None:
    settings = json_schema()["$defs"]["settings"]["properties"]

    assert all(schema["description"].endswith((".", ")")) for schema in settings.values())


def test_no_description_has_a_link_that_leads_nowhere_from_an_editor() -> None:
    text = json.dumps(json_schema())

    assert "](" not in text
    assert "See `releaser docs overlays_and_plugins`." in text


def test_every_example_and_default_in_the_schema_fits_it() -> None:
    schema = json_schema()
    for name, setting in schema["$defs"]["settings"]["properties"].items():
        validator = Draft202012Validator({**setting, "$defs": schema["$defs"]})
        for value in [*setting["examples"], *([setting["default"]] if "default" in setting else [])]:
            assert list(validator.iter_errors(value)) == [], name
