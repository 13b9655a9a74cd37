"""What an upgrade is asked with: each field has its kind, and nothing leads out of `releases`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.protocol import upgrade_request

REPORT = {"event": "pre_upgrade", "name": "10-x", "outcome": "done", "exit_code": 0, "seconds": 0.25}
GOOD: dict[str, Any] = {
    "format": 1,
    "version": "1.1.0",
    "old_version": "1.0.0",
    "python": "/usr/bin/python3",
    "may_migrate": True,
    "state_format": 1,
    "environ": {"A": "1", "B": "", "C": "\udcff"},
    "hooks": [REPORT],
}
WRONG: dict[str, list[Any]] = {
    "format": ["1", None, True, 1.0, -1, 10**30],
    "version": ["", ".", "..", ".hidden", "../1.0.0", "a/b", "/etc", "1\0", "1\n", "\ud800", 1, None, "x" * 300],
    "python": [1, None, "", "python3", "/bin/\0", "/\ud800", ["/bin/sh"]],
    "may_migrate": [1, "yes", None],
    "state_format": ["1", 1.5, True, None, -1],
    "environ": [
        None,
        [],
        "A=1",
        {"A": 1},
        {"A": None},
        {"A": "\0"},
        {"": "1"},
        {"A=B": "1"},
        {"A\0": "1"},
        {"A": "\ud800"},
    ],
    "hooks": [
        None,
        {},
        "hooks",
        [1],
        [{}],
        [{**REPORT, "exit_code": "0"}],
        [{**REPORT, "seconds": float("nan")}],
        [{**REPORT, "seconds": "1"}],
        [{**REPORT, "name": 1}],
        [{**REPORT, "event": "\ud800"}],
    ],
}


def test_a_request_of_the_command_is_taken() -> None:
    found = upgrade_request.read(json.dumps(GOOD))
    assert found == {name: value for name, value in GOOD.items() if name != "old_version"}


def test_fields_that_are_not_known_are_left_alone() -> None:
    assert upgrade_request.read(json.dumps({**GOOD, "more": [1]}))["version"] == "1.1.0"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_field_of_another_kind_is_named(name: str, value: Any) -> None:
    with pytest.raises(upgrade_request.NotUnderstood, match=f"'{name}' to be"):
        upgrade_request.read(json.dumps({**GOOD, name: value}))


@pytest.mark.parametrize("name", [name for name in GOOD if name != "old_version"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(upgrade_request.NotUnderstood, match=f"'{name}' to be"):
        upgrade_request.read(json.dumps({key: value for key, value in GOOD.items() if key != name}))


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 20_000, '{"a":' * 20_000, "[]", "1", "null", '"x"', "9" * 10_000, "\0", "{} {}"]
)
def test_a_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(upgrade_request.NotUnderstood, match="cannot be understood"):
        upgrade_request.read(text)


def test_another_format_is_told_by_its_number_and_version_alone() -> None:
    assert upgrade_request.read('{"format": 2, "version": "3.0.0", "environ": 5}') == {"format": 2, "version": "3.0.0"}
    with pytest.raises(upgrade_request.NotUnderstood, match="'version' to be"):
        upgrade_request.read('{"format": 2, "version": "../x"}')


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    )
)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({**GOOD, "environ": value}), json.dumps({**GOOD, "hooks": value})):
        try:
            found = upgrade_request.read(text)
        except upgrade_request.NotUnderstood:
            continue
        assert set(found) == {*upgrade_request._FIELDS}
