"""A path that no file can have is told where it is written, before anything looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.config import read_config
from releaser.errors import ConfigError

LONG = "a" * 300
DEEP = "a/" * 1500
WRITTEN = [
    f'project = "{LONG}"',
    f'lock = "locks/{LONG}"',
    f'find_links = ["{LONG}"]',
    f'output_dir = "{LONG}"',
    f'output_dir = "{DEEP}"',
    f'output_dir = "{"ä" * 128}"',
    f'include_python = "/opt/{LONG}"',
    f'env_file = "/etc/{LONG}"',
    f'env_file = "-/etc/{LONG}"',
    f'env_file = "/{DEEP}"',
    f'plugins = ["{LONG}.py"]',
    f'overlays = [{{ copy = "{LONG}", to = "x" }}]',
    f'overlays = [{{ copy = "*/{LONG}/*", to = "x" }}]',
    f'overlays = [{{ template = "{LONG}", to = "x" }}]',
    f'overlays = [{{ copy = "README.md", to = "{LONG}" }}]',
    f'overlays = [{{ mkdir = "{DEEP}" }}]',
    f'overlays = [{{ link = "/{LONG}", to = "x" }}]',
    f'overlays = [{{ chmod = "{LONG}", mode = "0755" }}]',
    f'commands = {{ seed = "rel/{LONG}" }}',
    f'hooks = {{ pre_start = "rel/{LONG}" }}',
    f'hooks = {{ pre_start = [{{ run = "rel/{LONG}" }}] }}',
    f'hooks = {{ pre_start = [{{ call = "{LONG}:main" }}] }}',
    f'migrations = {{ script_location = "{LONG}" }}',
    f'migrations = {{ script_location = "{LONG}:migrations" }}',
    f'migrations = {{ script_location = "shop:{LONG}" }}',
    f'migrations = {{ script_location = "shop:migrations", config = "{LONG}" }}',
    f'config_providers = ["{LONG}:main"]',
]


@pytest.mark.parametrize("line", WRITTEN, ids=lambda line: line[:40].replace("/", "_"))
def test_a_path_that_no_file_can_have_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    path.write_text(f'[release.shop]\nentry_point = "shop:main"\n{line}\n[environment.dev]\n', encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_config(path)

    (problem,) = caught.value.problems
    assert problem.where.startswith("rel/config.toml:3:")
    assert "bytes, this" in problem.what


def test_names_as_long_as_a_file_system_allows_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    variable = "${" + "A" * 300 + "}"
    path.write_text(
        '[release.shop]\nentry_point = "shop:main"\n'
        f'output_dir = "{"b" * 255}"\nenv_file = "/etc/{variable}/env"\n[environment.dev]\n'
    )

    profile = read_config(path).profile()

    assert (profile.output_dir, profile.env_file) == ("b" * 255, f"/etc/{variable}/env")
