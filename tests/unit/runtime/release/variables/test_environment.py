"""Replacement of variables, defaults and required ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.release.failures import Failure
from releaser.runtime.release.variables import environment


def manifest(**fields: Any) -> Any:
    values = {"name": "app", "version": "1.0.0", "env": {}, "env_file": "", "required_env": []}
    return SimpleNamespace(**{**values, **fields})


def test_the_file_of_the_host_is_named_among_the_places_for_what_is_missing() -> None:
    with pytest.raises(Failure) as caught:
        environment.configured(manifest(required_env=["A"], env_file="-/etc/app/env"), {}, {})

    assert caught.value.hint == (
        "set them in /etc/app/env, in the caller's environment "
        "or in releases/1.0.0/env.sh, which is this version's alone"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${HOST}:${PORT:-8000}", "example:8000"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("costs $$5", "costs $5"),
        ("${HOST:-}", "example"),
        ("${MISSING:-}", ""),
        ("${MISSING:-http://a:1/b}", "http://a:1/b"),
    ],
)
def test_variables_are_replaced_as_a_shell_would(text: str, expected: str) -> None:
    assert environment.substitute(text, {"HOST": "example", "EMPTY": ""}) == expected


@pytest.mark.parametrize("text", ["${MISSING}", "$HOST", "${HOST", "${}", "${1A}", "${A B}", "end$"])
def test_what_cannot_be_replaced_is_an_error(text: str) -> None:
    with pytest.raises(environment.SubstitutionError):
        environment.substitute(text, {"HOST": "example"})


def test_a_value_from_the_environment_is_not_looked_at_again() -> None:
    assert environment.substitute("${A}", {"A": "${B}"}) == "${B}"


@given(st.text().filter(lambda text: "$" not in text))
def test_text_without_a_dollar_sign_stays_as_it_is(text: str) -> None:
    assert environment.substitute(text, {}) == text
    assert environment.substitute(text + "$$", {}) == text + "$"


def test_defaults_are_added_only_where_the_caller_says_nothing() -> None:
    found = environment.configured(manifest(env={"A": "1", "B": "${A}-x"}), {"A": "caller"}, {})
    assert found == {"A": "caller", "B": "caller-x"}


def test_a_default_is_replaced_from_the_contract_of_this_release_and_not_of_the_one_that_started_it() -> None:
    found = environment.configured(
        manifest(env={"UPLOADS": "${RELEASE_VAR}/uploads"}), {"RELEASE_VAR": "/other"}, {"RELEASE_VAR": "/own"}
    )
    assert found["UPLOADS"] == "/own/uploads"


def test_everything_that_is_missing_is_told_at_once() -> None:
    with pytest.raises(Failure) as caught:
        environment.configured(manifest(required_env=["ONE", "TWO"], env={"X": "${THREE}"}), {"TWO": ""}, {})
    text = "\n".join(caught.value.lines())
    assert all(word in text for word in ("ONE", "TWO", "THREE", "env.X", "nothing was started"))
    assert caught.value.exit_code == 3


def test_a_setting_that_cannot_be_replaced_is_named_by_its_key() -> None:
    with pytest.raises(Failure, match=r"sockets\.web"):
        environment.setting("sockets.web", "127.0.0.1:${PORT}", {})


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [("DB_PASSWORD", True), ("API_TOKEN", True), ("SECRET_KEY", True), ("DATABASE_URL", True), ("PORT", False)],
)
def test_names_that_look_secret_are_known(name: str, is_secret: bool) -> None:
    assert environment.is_secret(name) == is_secret


def test_a_dump_of_the_environment_comes_back_whole() -> None:
    assert environment.parse_dump(b"A=1\0B=x=y\nz") == {"A": "1", "B": "x=y\nz"}
