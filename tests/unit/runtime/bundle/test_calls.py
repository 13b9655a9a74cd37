from __future__ import annotations

import pytest

from releaser.runtime.bundle import calls
from releaser.runtime.release.failures import FAILED, USAGE, Failure


class NotJson:
    def __repr__(self) -> str:
        return "<not json>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b""),
        ("", b"\n"),
        ("a\n", b"a\n"),
        ("ü\udcff", b"\xc3\xbc\xff\n"),
        ("\ud800", b"\\ud800\n"),
        (True, b"true\n"),
        (1.5, b"1.5\n"),
        ((1, "ü"), '[1, "ü"]\n'.encode()),
        (float("nan"), b"nan\n"),
        (b"x", b"b'x'\n"),
        (NotJson(), b"<not json>\n"),
        ([NotJson()], b"[<not json>]\n"),
    ],
)
def test_a_result_as_text(value: object, text: bytes) -> None:
    assert calls.render(value, calls.TEXT) == text


@pytest.mark.parametrize(("value", "text"), [(None, b"null\n"), ("a", b'"a"\n'), ("a\n", b'"a\\n"\n'), ([], b"[]\n")])
def test_a_result_as_json(value: object, text: bytes) -> None:
    assert calls.render(value, calls.JSON) == text


def test_a_module_of_a_package_is_found_as_a_console_script_finds_it() -> None:
    assert calls.resolve("email:mime.text.MIMEText").__name__ == "MIMEText"
    with pytest.raises(Failure, match="there is no 'mine' in email"):
        calls.resolve("email:mine.text")


def test_what_json_cannot_hold_is_a_failure_that_names_the_type() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value, name in [({1}, "set"), (float("inf"), "float"), (circle, "list"), (b"", "bytes")]:
        with pytest.raises(Failure, match=f"JSON cannot hold what a:b returned, a value of type {name}: ") as caught:
            calls.render(value, calls.JSON, "a:b")
        assert caught.value.exit_code == FAILED
        assert caught.value.now == "the function has run"


def test_words_become_json_values() -> None:
    assert calls.parse(["1", '"a"', "[null]"]) == [1, "a", [None]]
    with pytest.raises(Failure, match="argument 2 is not JSON") as caught:
        calls.parse(["1", "word"])
    assert caught.value.exit_code == USAGE
    assert caught.value.hint == """a string needs its own quotes: '"word"'"""


@pytest.mark.parametrize("target", ["", ":", "a", "a:", ":b", "a b:c", "a:b c", "a..b:c", "a:b:c", "a:1"])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(Failure, match="expected MODULE:FUNCTION, found"):
        calls.resolve(target)


def test_a_dotted_name_is_followed() -> None:
    assert calls.resolve("collections:OrderedDict.fromkeys")("a") == {"a": None}


def test_a_submodule_that_is_not_imported_yet_is_found() -> None:
    assert callable(calls.resolve("xml.dom.minidom:parseString"))


def test_a_function_is_called_with_words_as_strings_or_values() -> None:
    assert calls.run("builtins:len", ["abc"], calls.TEXT) == b"3\n"
    assert calls.run("builtins:sum", ["[1, 2]"], calls.JSON) == b"3\n"


def test_a_coroutine_is_awaited() -> None:
    assert calls.run("asyncio:sleep", ["0", '"slept"'], calls.JSON) == b'"slept"\n'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (0, "")),
        (0, (0, "")),
        (7, (7, "")),
        (True, (1, "")),
        (256, (0, "")),
        ("bye", (1, "bye\n")),
        ([], (1, "[]\n")),
    ],
)
def test_exit_codes_are_those_of_sys_exit(value: object, expected: tuple[int, str]) -> None:
    assert calls.exit_code_of(value) == expected
