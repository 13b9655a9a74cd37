"""`releaser config`: every value that holds, as TOML that could be written, with the place it comes from."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.zoo import VALID

from releaser.cli.output.explained import explained_json, explained_lines
from releaser.config import Config, read_config
from releaser.config.explain import as_toml, explain, without_password
from releaser.config.settings.tables import ROWS

TEXT = """\
[release.base]
entry_point = "shop:main"
env = { COLOUR = "blue", "API_TOKEN" = "hunter2", DATABASE_URL = "${PLACE}" }
readiness = "notify"

[release.shop]
extends = "base"
stop_timeout = "2m"

[release.shop.migrations]
script_location = "shop:migrations"
url = "postgresql://ada:hunter2@db/shop"

[environment.prod]
env = { COLOUR = "red" }
hooks = { pre_start = ["rel/a", { call = "shop:check", timeout = 5 }] }
"""


def explained(folder: Path) -> list[str]:
    path = folder / "rel" / "config.toml"
    path.parent.mkdir()
    path.write_text(TEXT)
    name, environment, setting = read_config(path).merged("shop", "prod")
    return explained_lines("rel/config.toml", name, environment, explain(setting))


def test_each_value_stands_beside_the_place_that_it_comes_from(tmp_path: Path) -> None:
    lines = [" ".join(line.split()) for line in explained(tmp_path)]

    assert lines[0] == "# shop for prod, from rel/config.toml"
    assert 'entry_point = "shop:main" # rel/config.toml:2' in lines
    assert 'stop_timeout = "2m" # rel/config.toml:8' in lines
    assert 'env.COLOUR = "red" # rel/config.toml:15' in lines
    assert 'readiness = "notify" # rel/config.toml:4' in lines
    assert "dev_mode = false # default" in lines
    assert 'migrations.run = "post_start" # default' in lines
    assert 'hooks.pre_start = ["rel/a", { call = "shop:check", timeout = 5 }] # rel/config.toml:16' in lines


def test_what_looks_secret_is_hidden_and_a_variable_is_not(tmp_path: Path) -> None:
    text = "\n".join(explained(tmp_path))

    assert "hunter2" not in text
    assert 'env.API_TOKEN = "(hidden)"' in text
    assert 'env.DATABASE_URL = "${PLACE}"' in text
    assert "postgresql://ada:(hidden)@db/shop" in text


def test_the_lines_are_toml_that_a_release_may_hold(tmp_path: Path) -> None:
    values = tomllib.loads("\n".join(explained(tmp_path)))

    assert values["env"]["COLOUR"] == "red"
    assert values["migrations"]["script_location"] == "shop:migrations"
    assert values["migrations"]["run"] == "post_start"
    assert set(values) <= {row.name for row in ROWS}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_what_is_shown_describes_the_same_release_when_it_is_written(path: Path, tmp_path: Path) -> None:
    written = tmp_path / "written" / "rel" / "config.toml"
    written.parent.mkdir(parents=True)
    read = tmp_path / "rel" / "config.toml"
    read.parent.mkdir()
    shutil.copyfile(path, read)
    config = read_config(read)
    for release, environment in itertools.product(config.release_names, config.environment_names):
        name, env, setting = config.merged(release, environment)
        lines = [line for line in explained_lines("f", name, env, explain(setting)) if not line.startswith("extends =")]
        written.write_text("\n".join([f"[release.{release}]", *lines, f"[environment.{environment}]"]))

        assert values_of(read_config(written)) == values_of(config, release, environment)


def values_of(config: Config, *names: str) -> dict[str, str]:
    """Return every value of a profile, without the places where it and its parts are written."""
    profile = config.profile(*names)
    values = {field.name: repr(getattr(profile, field.name)) for field in dataclasses.fields(profile)}
    for name in ("root", "origins", "extends"):
        del values[name]
    return {name: re.sub(r"Origin\(.*?\)", "", value) for name, value in values.items()}


def test_each_database_is_shown_with_what_it_shares_and_where_that_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    several = '[release.shop.migrations]\nrun = "check"\n[release.shop.migrations.ledger]\nscript_location = "m"\n'
    path.write_text(f'[release.shop]\nentry_point = "shop:main"\n{several}[environment.prod]\n')
    lines = [
        " ".join(line.split())
        for line in explained_lines("f", "shop", "prod", explain(read_config(path).merged("shop", "prod")[2]))
        if "migrations" in line
    ]
    assert lines[:3] == [
        'migrations.ledger.script_location = "m" # rel/config.toml:6',
        'migrations.ledger.run = "check" # rel/config.toml:4',
        'migrations.ledger.lock = "auto" # default',
    ]
    assert all(line.startswith("migrations.ledger.") for line in lines)


def test_the_json_has_the_origin_of_each_value_and_none_for_a_default(tmp_path: Path) -> None:
    explained(tmp_path)
    name, environment, setting = read_config(tmp_path / "rel" / "config.toml").merged("shop", "prod")

    settings = json.loads(explained_json("rel/config.toml", name, environment, explain(setting)))["settings"]

    assert settings["stop_timeout"] == {
        "value": "2m",
        "origin": {"file": "rel/config.toml", "line": 8, "column": 16},
    }
    assert settings["dev_mode"] == {"value": False, "origin": None}
    assert settings["env.API_TOKEN"]["value"] == "(hidden)"


def test_plain_values_are_written_as_toml() -> None:
    value = {"a": [1, 2.5, True, 'x"y\n'], "b c": {}}

    assert tomllib.loads(f"v = {as_toml(value)}")["v"] == value


def test_only_the_password_of_a_url_is_hidden() -> None:
    assert without_password("redis://:pw@h/0") == "redis://:(hidden)@h/0"
    assert without_password("http://h:80/a") == "http://h:80/a"
    assert without_password("db://u:${PW}@h") == "db://u:${PW}@h"
    assert without_password("db://u:${PW:-hunter2}@h") == "db://u:${PW:-(hidden)}@h"
    assert without_password("db://h/x?user=u&password=pw&a=b") == "db://h/x?user=u&password=(hidden)&a=b"
    assert without_password("db://h/x?password=${PW}") == "db://h/x?password=${PW}"
    assert without_password("https://h/?q=1") == "https://h/?q=1"


def config_of(folder: Path, settings: str) -> tuple[list[str], dict[str, object]]:
    """Return what is printed for one release with `settings`, and the same as JSON."""
    path = folder / "rel" / "config.toml"
    path.parent.mkdir()
    path.write_text(f'[release.shop]\nentry_point = "shop:main"\n{settings}\n[environment.prod]\n')
    name, environment, setting = read_config(path).merged()
    told = explained_json("rel/config.toml", name, environment, explain(setting))
    values = {key: entry["value"] for key, entry in strict_json(told)["settings"].items()}
    return explained_lines("rel/config.toml", name, environment, explain(setting)), values


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=pytest.fail)


def test_the_default_of_a_secret_variable_is_hidden_and_so_is_a_secret_for_templates(tmp_path: Path) -> None:
    lines, values = config_of(
        tmp_path,
        'env = { API_TOKEN = "${TOKEN:-hunter2}", KEY_FILE = "/a", DB_PASSWORD = "${A}hunter2", A_KEY = "${A:-}" }\n'
        'overlay_vars = { smtp = { password = "hunter2", pin_secret = 4711 }, secrets.a = ["hunter2"], who = "ops" }',
    )

    assert "hunter2" not in "\n".join(lines)
    assert "4711" not in "\n".join(lines)
    assert values["env.API_TOKEN"] == "${TOKEN:-(hidden)}"
    assert values["env.DB_PASSWORD"] == "(hidden)"
    assert values["overlay_vars.smtp.password"] == values["overlay_vars.smtp.pin_secret"] == "(hidden)"
    assert values["overlay_vars.secrets.a"] == ["(hidden)"]
    assert values["overlay_vars.who"] == "ops"


def test_numbers_that_json_has_not_are_written_as_toml_writes_them(tmp_path: Path) -> None:
    lines, values = config_of(tmp_path, "overlay_vars = { a = inf, b = [nan, { c = -inf }], d = 1.5 }")

    assert values["overlay_vars.a"] == "inf"
    assert values["overlay_vars.b"] == ["nan", {"c": "-inf"}]
    assert values["overlay_vars.d"] == 1.5
    assert any(line.startswith("overlay_vars.b = [nan, { c = -inf }]") for line in lines)
