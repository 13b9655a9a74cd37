"""`rel/config.toml`: any bytes are a configuration, or problems that can be told, in bounded time."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from support.fuzzing import fuzzed, is_one_line, kept_cases, mutated, one_example
from support.toml_sections import sections
from support.toml_texts import toml_texts

from releaser.cli.output.explained import explained_json, explained_lines
from releaser.cli.output.messages import format_error
from releaser.config import Config, read_config
from releaser.config.explain import explain
from releaser.config.named_paths import named_paths
from releaser.errors import ConfigError, ProjectError, ReleaserError
from releaser.init.additions import added_to
from releaser.init.choices import Choices

CHOICES = Choices(name="shop", entry_point="shop:main", reason="a test", script_location="migrations")
ROOT = Path(__file__).parents[2]
ORIGINALS = [
    path.read_bytes()
    for path in sorted([*(ROOT / "tests" / "zoo").rglob("*.toml"), *ROOT.glob("examples/*/rel/config.toml")])
]
# fmt: off
TOKENS = [
    b"[release.shop]\n", b"[environment.dev]\n", b"[[release.shop.overlays]]\n", b'extends = "shop"\n', b"a.b.c = ",
    b'"""', b"'''", b"{", b"}", b"[", b"]", b"${", b"$", b"= ", b",", b"\\u0000", b"\\u001b", b"\\", b"1e999", b"nan",
    b"2026-01-01", b"9" * 5000, b"x" * 5000, b"[" * 200, b"{a=" * 150, b"a." * 200, b"#", b"\r\n", b"\xe2\x80\xa8",
]
# fmt: on


def check(content: bytes) -> None:
    """Check that `content` is a configuration or told problems, whoever reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rel" / "config.toml"
        path.parent.mkdir()
        path.write_bytes(content)
        named_paths(path, "rel/config.toml")
        try:
            config = read_config(path)
        except ConfigError as error:
            check_told(error)
        else:
            check_profiles(config)
    check_additions(content)


def check_additions(content: bytes) -> None:
    """Check that `releaser init` adds to whatever tomllib reads, or says why not, and to nothing else."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    try:
        added = added_to(text, CHOICES)
    except ProjectError as error:
        check_told(error)
    else:
        tomllib.loads(text.removeprefix("\ufeff"))
        tomllib.loads(added.text.removeprefix("\ufeff"))


def check_told(error: ReleaserError) -> None:
    """Check that each part of an error is one line, and all of it a message."""
    assert error.exit_code in (2, 3)
    assert is_one_line(error.message)
    assert is_one_line(error.hint)
    for problem in error.problems:
        for part in (problem.where, problem.key, problem.what, problem.hint):
            assert is_one_line(part)
        assert problem.what
        assert len(problem.what) <= 400
    lines = format_error(error, width=80).split("\n")
    assert all(is_one_line(line) for line in lines)
    assert all(len(line) <= 500 for line in lines)


def check_profiles(config: Config) -> None:
    for release in config.release_names[:3]:
        for environment in config.environment_names[:3]:
            try:
                config.profile(release, environment)
            except ConfigError as error:
                check_told(error)
            else:
                settings = explain(config.merged(release, environment)[2])
                lines = explained_lines(config.file, release, environment, settings)
                assert all(is_one_line(line) for line in lines)
                json.loads(explained_json(config.file, release, environment, settings))


@fuzzed(mutated(ORIGINALS, TOKENS), examples=250)
def test_a_configuration_with_slips_is_read_or_told(content: bytes) -> None:
    with one_example():
        check(content)


@fuzzed(toml_texts(), examples=100)
def test_a_configuration_of_any_values_is_read_or_told(drawn: tuple[str, dict[str, Any]]) -> None:
    with one_example():
        check(drawn[0].encode())


@fuzzed(sections(), examples=150)
def test_a_configuration_in_any_order_is_read_or_told(text: str) -> None:
    with one_example():
        check(text.replace("a.b", "release.shop").replace("[c", "[environment.c").encode())


@fuzzed(st.binary(max_size=200), examples=50)
def test_any_bytes_are_read_or_told(content: bytes) -> None:
    with one_example():
        check(content)


@pytest.mark.parametrize("case", kept_cases("configuration"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_is_read_or_told(case: Path) -> None:
    with one_example():
        check(case.read_bytes())
