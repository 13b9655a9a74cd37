"""What counts as a signature."""

from urllib.parse import urlencode

import pytest

from guestbook.forms import LIMITS, parse


def draft(**fields: str):
    return parse(urlencode(fields).encode())


def test_space_around_and_inside_one_line_fields_is_made_single() -> None:
    assert draft(author="  Ada \t Lovelace\n", message="x").author == "Ada Lovelace"


def test_line_breaks_of_a_message_stay() -> None:
    assert draft(author="Ada", message="one\r\ntwo\n\nthree ").message == "one\ntwo\n\nthree"


def test_control_characters_are_dropped_and_joined_emoji_stay() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
    assert draft(author="Ada", message=f"a\x00b\x1b[31m {family}").message == f"ab[31m {family}"


@pytest.mark.parametrize("field", ["author", "message"])
def test_a_field_of_nothing_but_space_is_missing(field: str) -> None:
    fields = {"author": "Ada", "message": "Hello", field: " \n\t"}
    assert list(draft(**fields).problems) == [field]


@pytest.mark.parametrize("field", list(LIMITS))
def test_the_limit_fits_and_one_more_does_not(field: str) -> None:
    fields = {"author": "Ada", "place": "London", "message": "Hello"}
    limit = LIMITS[field]
    assert draft(**fields | {field: "é" * limit}).problems == {}
    assert draft(**fields | {field: "é" * (limit + 1)}).problems == {
        field: f"That is {limit + 1} characters long; {limit} fit."
    }
