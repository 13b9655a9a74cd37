"""A template gives its text, or the line that is wrong."""

from __future__ import annotations

import pytest

from releaser.plan.files.templates import BadTemplate, render

VARIABLES = {"release_name": "shop", "release_version": "1.4.0", "ports": [80, 443]}


def problem_of(text: str) -> tuple[str, str, str]:
    with pytest.raises(BadTemplate) as caught:
        render(text, "rel/a.j2", VARIABLES)
    problem = caught.value.problem
    return problem.where, problem.what, problem.hint


def test_variables_are_filled_in_and_the_last_line_ending_stays() -> None:
    text = "{{ release_name }} <{{ release_version }}>\n{% for port in ports %}{{ port }};{% endfor %}\n"
    assert render(text, "rel/a.j2", VARIABLES) == "shop <1.4.0>\n80;443;\n"


def test_an_undefined_variable_is_told_with_its_line_and_the_nearest_name() -> None:
    assert problem_of("one\n\n  {{ relese_name }}\n") == (
        "rel/a.j2:3",
        "the variable 'relese_name' is not defined",
        "did you mean 'release_name'?",
    )


def test_an_undefined_variable_like_no_other_is_told_with_all_there_are() -> None:
    where, _, hint = problem_of("{% if colour %}x{% endif %}")
    assert where == "rel/a.j2:1"
    assert hint == "there is release_name, release_version, ports; overlay_vars has your own"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a\n{% if %}\n", 2, "expected an expression, got 'end of statement block'"),
        ("a\n\n{{ ports / 2 }}", 3, "unsupported operand type(s) for /: 'list' and 'int'"),
        ("{{ ports | random }}", 1, "no filter named 'random'"),
        ("\n{% include 'other' %}", 2, "a template cannot include or extend another"),
    ],
)
def test_whatever_is_wrong_has_its_line(text: str, line: int, what: str) -> None:
    where, told, _ = problem_of(text)
    assert where == f"rel/a.j2:{line}"
    assert told.startswith(what)
