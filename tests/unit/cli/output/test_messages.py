"""The one format in which failures and warnings are told."""

from __future__ import annotations

import re

import pytest

from releaser.cli.output.messages import SOURCE_WIDTH, format_error, format_warnings
from releaser.errors import BuildError, ConfigError, Problem

KEY = Problem(
    where="rel/config.toml:3:1",
    key="environment.prod.drain_timeuot",
    what="unknown key",
    hint="did you mean 'drain_timeout'?",
)
VALUE = Problem(
    where="rel/config.toml:4:21",
    key="environment.prod.readiness_timeout",
    what="expected a duration such as 30 or '30s', found 'soon'",
    source_line='readiness_timeout = "soon"  # later',
    column=21,
    length=6,
)


def source_of(line: str, column: int, length: int = 1) -> tuple[str, str]:
    problem = Problem(where="f:1", what="w", source_line=line, column=column, length=length)
    shown, marker = format_error(ConfigError("m", problems=(problem,))).split("\n")[2:4]
    assert shown.startswith("    | ")
    return shown.removeprefix("    | "), marker.removeprefix("    | ")


def test_an_error_is_told_with_its_problems_and_what_is_true_now() -> None:
    error = ConfigError(
        "cannot use rel/config.toml", problems=(KEY, VALUE), now="nothing was built; _build/prod is untouched"
    )

    assert format_error(error) == (
        "error: cannot use rel/config.toml (2 problems)\n"
        "  rel/config.toml:3:1: environment.prod.drain_timeuot: unknown key\n"
        "      hint: did you mean 'drain_timeout'?\n"
        "  rel/config.toml:4:21: environment.prod.readiness_timeout: "
        "expected a duration such as 30 or '30s', found 'soon'\n"
        '    | readiness_timeout = "soon"  # later\n'
        "    |                     ^^^^^^\n"
        "  now: nothing was built; _build/prod is untouched"
    )


def test_the_last_lines_of_another_program_stand_before_what_is_true_now() -> None:
    error = BuildError(
        "the dependencies could not be installed",
        output=("resolving", "  no such package: flaks"),
        now="_build/prod is untouched",
        hint="the lock names it on line 7",
    )

    assert format_error(error) == (
        "error: the dependencies could not be installed\n"
        "  < resolving\n"
        "  <   no such package: flaks\n"
        "  now: _build/prod is untouched\n"
        "      hint: the lock names it on line 7"
    )


def test_a_problem_without_a_place_begins_with_what_it_is() -> None:
    assert format_error(ConfigError("m", problems=(Problem(where="", what="no lock file"),))) == (
        "error: m\n  no lock file"
    )


def test_warnings_are_counted() -> None:
    assert format_warnings([]) == ""
    assert format_warnings(["there is no lock file"]) == "1 warning:\n  there is no lock file"
    assert format_warnings([KEY, "there is no lock file"]).split("\n") == [
        "2 warnings:",
        "  rel/config.toml:3:1: environment.prod.drain_timeuot: unknown key",
        "      hint: did you mean 'drain_timeout'?",
        "  there is no lock file",
    ]


def test_colour_adds_nothing_but_colour() -> None:
    error = ConfigError("m", problems=(KEY, VALUE), output=("x",), now="n", hint="h")
    painted = format_error(error, colour=True)

    assert painted != format_error(error)
    assert re.sub("\x1b\\[[0-9;]*m", "", painted) == format_error(error)
    assert re.sub("\x1b\\[[0-9;]*m", "", format_warnings([VALUE], colour=True)) == format_warnings([VALUE])


def test_long_lines_are_wrapped_at_spaces_below_their_beginning() -> None:
    error = ConfigError("cannot use rel/config.toml", problems=(VALUE,), now="nothing was built " * 6)
    lines = format_error(error, width=80).split("\n")

    assert lines[1:3] == [
        "  rel/config.toml:4:21: environment.prod.readiness_timeout: expected a duration",
        "    such as 30 or '30s', found 'soon'",
    ]
    assert all(len(line) <= 80 for line in lines)
    assert [line.split() for line in format_error(error).split("\n")][-1] == " ".join(lines[5:]).split()


def test_a_path_is_never_broken() -> None:
    path = "/srv/" + "x" * 100

    assert path in format_error(BuildError(f"cannot write {path} now"), width=80)


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "re\x07d", "red\r"])
def test_nothing_that_is_told_can_steer_the_terminal(text: str) -> None:
    problem = Problem(where=text, key=text, what=text, hint=text, source_line=text, column=1, length=3)
    told = format_error(BuildError(text, problems=(problem,), output=(text,), now=text, hint=text))

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", told)
    assert "d" in told


def test_the_marker_stands_below_text_after_tabs_and_wide_characters() -> None:
    assert source_of("\tä = 日本 x", 9) == (" ä = 日本 x", " " * 10 + "^")
    assert source_of("e\u0301 = 日本", 6, 2) == ("e\u0301 = 日本", "    ^^^^")


def test_a_marker_never_leaves_the_line() -> None:
    assert source_of("a = 1  ", 5, 99) == ("a = 1", "    ^")
    assert source_of("a =", 4) == ("a =", "   ^")
    assert source_of("a =", 99, 5) == ("a =", "   ^")


@pytest.mark.parametrize("column", [1, 40, 90, 150, 299])
def test_a_long_line_is_cut_around_the_place_in_question(column: int) -> None:
    line = "".join(chr(ord("a") + index % 26) for index in range(300))
    shown, marker = source_of(line, column, 3)

    assert len(shown) <= SOURCE_WIDTH
    assert shown[marker.index("^") :][: marker.count("^")] == line[column - 1 :][: marker.count("^")]
    assert marker.count("^") == min(3, 301 - column)


def test_a_value_longer_than_the_window_is_marked_from_its_beginning() -> None:
    shown, marker = source_of('key = "' + "x" * 300 + '"', 7, 302)

    assert len(shown) <= SOURCE_WIDTH
    assert len(marker) <= SOURCE_WIDTH
    assert shown[marker.index("^")] == '"'


def test_a_long_line_of_wide_characters_fits_too() -> None:
    shown, marker = source_of("日" * 200, 100, 2)

    assert len(shown) * 2 - 6 <= SOURCE_WIDTH
    assert marker.endswith("^^^^")


def test_a_key_without_end_is_cut() -> None:
    problem = Problem(where="rel/config.toml:3:1", key="release." + "x" * 5000, what="unknown key")
    told = format_error(ConfigError("cannot use rel/config.toml", problems=(problem,)))

    assert told.endswith("xxx...: unknown key")
    assert len(told) < 300


def test_a_person_is_told_the_first_hundred_problems() -> None:
    problems = tuple(Problem(where=f"rel/config.toml:{line}", what="unknown key") for line in range(1, 151))

    lines = format_error(ConfigError("cannot use rel/config.toml", problems=problems)).split("\n")

    assert lines[0].endswith("(150 problems)")
    assert lines[100] == "  rel/config.toml:100: unknown key"
    assert lines[101:] == ["  ... and 50 more"]


def test_the_place_in_a_line_of_a_million_characters_is_shown() -> None:
    line = "a" * 500_000 + "HERE" + "b" * 500_000
    problem = Problem(where="f:1:500001", what="no", source_line=line, column=500_001, length=4)

    told = format_error(ConfigError("cannot use f", problems=(problem,)))

    shown, marker = told.split("\n")[-2:]
    assert shown.removeprefix("    | ").startswith("...aaa")
    assert shown.endswith("bbb...")
    assert shown[marker.index("^") :][: marker.count("^")] == "HERE"
