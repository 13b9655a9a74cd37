"""Laws of the configuration: any text is read or refused in one way, places are true, environments lie over."""

from __future__ import annotations

import copy
import datetime
import math
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.toml_texts import TEXTS, documents, names, texts, toml_texts

from releaser.cli.output.messages import format_error
from releaser.config import Config, read_config
from releaser.config.document import Document, Item, Problems, Refused
from releaser.config.kinds import Setting
from releaser.config.schema import json_schema
from releaser.config.settings import assembly, processes, tree
from releaser.config.settings.tables import ROWS, SETTINGS
from releaser.config.text import addresses as addresses_module
from releaser.config.text import checks, probes
from releaser.config.text.patterns import SEEN
from releaser.config.text.positions import Path as KeyPath
from releaser.config.text.positions import Positions, Span, Unreadable, locate
from releaser.config.text.substitution import UNKNOWN, Wrong, expand
from releaser.errors import ConfigError, ReleaserError
from releaser.runtime.release.variables.environment import SubstitutionError, substitute

SCHEMA = Draft202012Validator(json_schema())
ALPHABET = "[]{}=,.#\"'\\ \n\r\tab-_0123:$\x00é"


def outcome_of(content: bytes) -> Config | ConfigError:
    """Return what `read_config` makes of a file; whatever else it raises fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rel" / "config.toml"
        path.parent.mkdir()
        path.write_bytes(content)
        try:
            return read_config(path)
        except ConfigError as error:
            return error


def check_told(error: ReleaserError, text: str) -> None:
    """Check that an error has problems, each in the file, in its order, and that it can be told."""
    assert error.problems
    lines = text.split("\n")
    places = []
    for problem in error.problems:
        assert problem.what
        _, *place = problem.where.split(":")
        if place:
            line, column = (int(part) for part in place)
            assert problem.column == column
            assert problem.source_line == lines[line - 1].removesuffix("\r")
            assert 1 <= column <= len(problem.source_line) + 1
            places.append((line, column))
    assert places == sorted(places)
    assert "\n  rel/config.toml" in format_error(error, width=80)


def check_outcome(outcome: Config | ConfigError, text: str) -> None:
    if isinstance(outcome, ConfigError):
        check_told(outcome, text)
        return
    for release in outcome.release_names:
        for environment in outcome.environment_names:
            try:
                profile = outcome.profile(release, environment)
            except ConfigError as error:
                check_told(error, text)
            else:
                assert bool(profile.entry_point) != bool(profile.command)


@given(toml_texts())
def test_any_toml_is_a_configuration_or_problems(drawn: tuple[str, dict[str, Any]]) -> None:
    text, _ = drawn
    check_outcome(outcome_of(text.encode()), text)


# fmt: off
SORTS = [
    "", "a", "a:b", "${", True, False, 0, 1, -1, 10**20, 1.5, math.inf, math.nan, datetime.date(2026, 1, 1), [], [[]],
    [""], ["a", "a"], [1], [{}], [{"run": "a"}], [{"copy": "a", "to": "b"}], {}, {"": 1}, {"a": {}}, {"a": "a:b"},
    {"a": {"b": "c"}}, {"a": {"b": {"c": [{"d": 1}]}}}, {"a": {"entry_point": "a:b", "heart": {}}},
    {"http": "http://a/"}, {"script_location": "a"}, {"pre_start": []}, {"tests": True}, {"restarts": 1},
]
# fmt: on


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_every_sort_of_value_of_every_setting_is_a_configuration_or_problems(name: str) -> None:
    for value in SORTS:
        release = {"entry_point": "shop:main", name: value}
        text = tomlkit.dumps({"release": {"shop": release}, "environment": {"dev": {name: value}}})
        outcome = outcome_of(text.encode())
        check_outcome(outcome, text)
        if isinstance(outcome, Config):
            assert SCHEMA.is_valid(tomllib.loads(text)), text


@given(st.text(ALPHABET, max_size=60))
def test_any_text_is_a_configuration_or_problems(text: str) -> None:
    check_outcome(outcome_of(text.encode()), text)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_configuration_or_problems(content: bytes) -> None:
    outcome = outcome_of(b"[release.shop]\n" + content)

    assert isinstance(outcome, Config) or outcome.problems


@given(toml_texts(), st.data())
def test_a_slip_of_the_keyboard_is_a_configuration_or_problems(
    drawn: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, _ = drawn
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 3))
    slipped = text[:at] + data.draw(st.text(ALPHABET, max_size=2)) + text[at + length :]
    check_outcome(outcome_of(slipped.encode()), slipped)


@given(toml_texts())
def test_every_place_is_that_of_the_text_it_claims(drawn: tuple[str, dict[str, Any]]) -> None:
    text, _ = drawn
    positions = locate(text)
    check_places(tomllib.loads(text), (), positions, text.split("\n"))


def check_places(value: Any, path: KeyPath, positions: Positions, lines: list[str]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            below = (*path, name)
            assert below in positions.keys
            assert tomllib.loads(f"{text_at(positions.key(below), lines)} = 0") == {name: 0}
            check_places(inner, below, positions, lines)
        return
    written = text_at(positions.values[path], lines)
    if isinstance(value, list):
        assert written.startswith("[")
        for index, element in enumerate(value):
            check_places(element, (*path, index), positions, lines)
    elif isinstance(value, str) and written in ('"""', "'''"):
        return
    else:
        found = tomllib.loads(f"value = {written}")["value"]
        assert found == value or (math.isnan(found) and math.isnan(value))


def text_at(span: Span, lines: list[str]) -> str:
    return lines[span.line - 1][span.column - 1 :][: span.length]


@given(st.text(ALPHABET, max_size=40))
def test_what_is_toml_has_a_place_for_every_key(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return

    check_places(data, (), locate(text), text.split("\n"))


@given(st.text(ALPHABET, max_size=40))
def test_the_walk_over_any_text_ends(text: str) -> None:
    try:
        positions = locate(text)
        spans = [*positions.keys.values(), *positions.values.values()]
    except Unreadable as unreadable:
        spans = [unreadable.span]

    assert all(1 <= span.line <= text.count("\n") + 1 and span.column > 0 and span.length > 0 for span in spans)


# Laying an environment over a release.

addresses = st.sampled_from(["127.0.0.1:8000", "[::1]:80", "unix:/run/a"])
durations = st.sampled_from(["1s", 5, "10m"])
hook = st.sampled_from(["rel/a", "rel/b"]) | st.sampled_from([{"run": "rel/c"}, {"call": "a:b", "timeout": "1s"}])
ways = st.sampled_from([{"http": "http://h/"}, {"tcp": "h:1"}, {"notify": True}, {}])
readiness = st.sampled_from(["started", "notify"]) | st.builds(
    lambda way, times: {**way, **times}, ways, st.dictionaries(st.sampled_from(["timeout", "interval"]), durations)
)
starts = st.sampled_from([{"entry_point": "a:b"}, {"entry_point": "c:d"}, {"command": ["x"]}, {}])
others = st.fixed_dictionaries(
    {},
    optional={
        "version": st.sampled_from(["git", "1.0"]),
        "dev_mode": st.booleans(),
        "required_env": st.lists(st.sampled_from(["A", "B", "C"]), unique=True),
        "env": st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(["1", "2"])),
        "sockets": st.dictionaries(st.sampled_from(["a", "b"]), addresses),
        "readiness": readiness,
        "stop_timeout": durations,
        "hooks": st.dictionaries(
            st.sampled_from(["pre_start", "post_stop"]), hook.map(lambda one: [one]) | st.just([])
        ),
        "migrations": st.fixed_dictionaries(
            {}, optional={"script_location": st.just("m"), "run": st.sampled_from(["manual", "pre_start"])}
        ),
    },
)
valid_settings = st.builds(lambda start, other: {**start, **other}, starts, others)


def setting_of(data: Mapping[str, Any]) -> Setting:
    problems = Problems()
    document = Document(file="rel/config.toml", lines=("",), data={})
    try:
        return SETTINGS.read(Item(data=copy.deepcopy(data), path=(), document=document, problems=problems))
    except Refused:
        pytest.fail(str(problems.in_file_order()))


def plain(setting: Setting) -> Any:
    """Return the values without their places."""
    if isinstance(setting.value, dict):
        return {name: plain(entry) for name, entry in setting.value.items()}
    return setting.value


def laid(*settings: Setting) -> Setting:
    result, *rest = settings
    for setting in rest:
        result = SETTINGS.lay_over(result, setting)
    return result


@given(valid_settings)
def test_an_empty_environment_changes_nothing(release: dict[str, Any]) -> None:
    empty = setting_of({})

    assert plain(laid(setting_of(release), empty)) == plain(setting_of(release))
    assert plain(laid(empty, setting_of(release))) == plain(setting_of(release))


@given(valid_settings)
def test_laying_the_same_over_itself_changes_nothing(release: dict[str, Any]) -> None:
    setting = setting_of(release)

    assert plain(laid(setting, setting)) == plain(setting)


@given(valid_settings, valid_settings, valid_settings)
def test_it_does_not_matter_which_two_of_three_are_laid_first(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    a, b, c = setting_of(one), setting_of(two), setting_of(three)

    assert plain(laid(laid(a, b), c)) == plain(laid(a, laid(b, c)))


@given(valid_settings, valid_settings)
def test_tables_merge_by_key_and_all_else_is_replaced_whole(
    release: dict[str, Any], environment: dict[str, Any]
) -> None:
    below, above = plain(setting_of(release)), plain(setting_of(environment))
    result = plain(laid(setting_of(release), setting_of(environment)))

    for name in ("version", "dev_mode", "required_env", "stop_timeout"):
        assert result.get(name) == above.get(name, below.get(name))
    for name in ("env", "sockets", "hooks", "migrations"):
        assert result.get(name, {}) == {**below.get(name, {}), **above.get(name, {})}


@given(valid_settings, valid_settings)
def test_what_the_environment_says_holds_in_the_end(release: dict[str, Any], environment: dict[str, Any]) -> None:
    result = plain(laid(setting_of(release), setting_of(environment)))

    check_holds(plain(setting_of(environment)), result)
    assert not {"entry_point", "command"} <= result.keys()
    assert len({"started", "notify", "http", "tcp", "call"} & result.get("readiness", {}).keys()) <= 1


def check_holds(wanted: Any, found: Any) -> None:
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            check_holds(value, found[name])
    else:
        assert found == wanted


# `${NAME}` at build and at start.


class Everything(dict[str, str]):
    """An environment in which every variable is set."""

    def get(self, key: str, default: Any = None) -> Any:
        return UNKNOWN

    def __contains__(self, key: object) -> bool:
        return True


dollars = st.text("${}:-aB1_ \nä", max_size=12) | st.lists(
    st.sampled_from(["$$", "${A}", "${A:-b}", "${", "}", "$", "${A:-}", "${A:-$B}", "${1}", "x"]), max_size=4
).map("".join)


@given(dollars)
def test_what_the_build_accepts_the_start_can_replace_and_nothing_else(text: str) -> None:
    try:
        expand(text)
        is_accepted = True
    except Wrong:
        is_accepted = False
    try:
        substitute(text, Everything())
        is_replaced = True
    except SubstitutionError:
        is_replaced = False

    assert is_accepted == is_replaced


@given(dollars.filter(lambda text: UNKNOWN not in text))
def test_what_is_known_at_build_is_what_an_empty_environment_gives(text: str) -> None:
    try:
        known = expand(text)
    except Wrong:
        return
    if UNKNOWN not in known:
        assert substitute(text, {}) == known
    else:
        with pytest.raises(SubstitutionError, match="is not set"):
            substitute(text, {})


@given(names(["shop"]) | st.text(max_size=70))
def test_a_name_that_is_accepted_is_one_harmless_part_of_a_path(text: str) -> None:
    try:
        checks.name(text)
    except Wrong as wrong:
        suggestion = re.search("'([^']+)' would do", wrong.hint)
        if suggestion:
            checks.name(suggestion[1])
        return

    assert Path(text).name == text
    assert re.fullmatch("[a-z][a-z0-9_-]*", text)


@given(st.text("./ab~$", max_size=8))
def test_a_path_that_is_accepted_stays_below_its_folder(text: str) -> None:
    try:
        checks.inner_path(text)
    except Wrong:
        return

    assert Path("/root/of", text).resolve().is_relative_to("/root/of")


# The schema for editors.

CHECKS = {
    function.__name__: function
    for module in (checks, addresses_module, assembly, processes, probes, tree)
    for function in vars(module).values()
    if callable(function) and getattr(function, "__name__", "") in SEEN
}
# fmt: off
PIECES = [
    "a", "B", "0", "9", "_", "-", ".", "..", "/", "~", ":", "::", "$", "${A}", "[", "]", " ", "\n", "\x00", "é", "*",
    "v", "import", "http://", "unix:", "65536", ".py", "M101", "manylinux_2_28_", "true", "main", "\u0661",
]
# fmt: on
lookalikes = st.lists(st.sampled_from([*TEXTS, *PIECES]), max_size=5).map("".join)


@pytest.mark.parametrize("name", sorted(SEEN))
def test_a_text_that_a_check_takes_is_one_that_an_editor_takes(name: str) -> None:
    seen = Draft202012Validator(SEEN[name])
    examples = st.from_regex(SEEN[name].get("pattern", ""), fullmatch=True)

    @given(lookalikes | texts | examples)
    def holds(text: str) -> None:
        try:
            CHECKS[name](text)
        except Wrong:
            return
        assert seen.is_valid(text)

    holds()


@given(valid_settings, valid_settings)
def test_settings_that_the_reader_takes_are_some_that_an_editor_takes(
    release: dict[str, Any], environment: dict[str, Any]
) -> None:
    setting_of(release)
    setting_of(environment)

    assert SCHEMA.is_valid({"release": {"shop": release}, "environment": {"dev": environment}})


@given(documents)
def test_the_same_file_is_always_told_in_the_same_words(data: dict[str, Any]) -> None:
    content = tomlkit.dumps(data).encode()
    first, second = outcome_of(content), outcome_of(content)
    if isinstance(first, ConfigError):
        assert isinstance(second, ConfigError)
        assert format_error(first) == format_error(second)
    else:
        assert isinstance(second, Config)
        assert (first.releases, first.environments) == (second.releases, second.environments)
