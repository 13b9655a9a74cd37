"""What a visitor sees."""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from conftest import Site
from sqlalchemy import Engine, text

from guestbook import database

Prepare = Callable[[], None]


def test_an_entry_is_on_the_page_after_it_was_signed(site: Site, prepare: Prepare) -> None:
    prepare()
    assert "Nobody has signed yet" in site.get("/").text

    answer = site.post("/", author="Ada", place="London", message="Good morning")

    assert answer.status == 303
    page = site.get(answer.headers["location"].partition("#")[0])
    assert "Your entry is in the book" in page.text
    assert "<strong>Ada</strong>, London" in page.text
    assert "Good morning" in page.text


def test_what_guests_write_is_text_and_never_markup(site: Site, prepare: Prepare) -> None:
    prepare()
    site.post("/", author="<script>alert(1)</script>", place='"><b>', message="a & b")

    page = site.get("/").text

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page
    assert '"><b>' not in page
    assert "a &amp; b" in page


def test_a_form_that_lacks_something_comes_back_with_what_was_written(site: Site, prepare: Prepare) -> None:
    prepare()

    answer = site.post("/", author="Ada", message="")

    assert answer.status == 422
    assert 'value="Ada"' in answer.text
    assert "Write a message." in answer.text
    assert 'aria-describedby="message-problem"' in answer.text
    assert "Nobody has signed yet" in site.get("/").text


@pytest.mark.parametrize("body", [b"", b"\xff\xfe=\x00", b"&".join(b"a%d=1" % n for n in range(100))])
def test_a_body_that_is_no_form_signs_nothing(site: Site, prepare: Prepare, body: bytes) -> None:
    prepare()
    assert site.post_bytes("/", body).status == 422


def test_a_body_that_is_too_large_is_refused(site: Site, prepare: Prepare) -> None:
    prepare()
    assert site.post("/", author="Ada", message="a" * 70_000).status == 413


def test_the_newest_entries_come_first_and_the_others_on_further_pages(
    site: Site, prepare: Prepare, engine: Engine
) -> None:
    prepare()
    database.sign(engine, [("Ada", None, f"number {n}.") for n in range(25)])

    first, second, third = (site.get(f"/?page={n}").text for n in (1, 2, 3))

    assert first.index("number 24.") < first.index("number 5.")
    assert "number 4." not in first
    assert 'href="/?page=2#entries"' in first
    assert "number 4." in second
    assert 'href="/?page=1#entries"' in second
    assert "Older entries" not in second
    assert "no entries this far back" in third


@pytest.mark.parametrize("page", ["0", "-1", "x", "%C2%B2", "9" * 40, ""])
def test_a_page_number_that_is_none_shows_the_first_page(site: Site, prepare: Prepare, page: str) -> None:
    prepare()
    site.post("/", author="Ada", message="first")

    answer = site.get(f"/?page={page}")

    assert answer.status == 200
    assert "first" in answer.text


def test_the_page_says_that_the_guestbook_is_being_prepared_until_the_migrations_ran(
    site: Site, prepare: Prepare
) -> None:
    before = site.get("/")
    prepare()
    after = site.get("/")

    assert before.status == 503
    assert "is being prepared" in before.text
    assert before.headers["retry-after"] == "5"
    assert after.status == 200


def test_half_of_the_migrations_is_still_being_prepared(site: Site, prepare: Prepare, engine: Engine) -> None:
    prepare()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE entries RENAME COLUMN place TO elsewhere"))

    answer = site.get("/")

    assert answer.status == 503
    assert "is being prepared" in answer.text


def test_a_broken_database_is_told_as_such(site: Site, tmp_path: Path) -> None:
    (tmp_path / "guestbook.sqlite3").write_text("this is no database" * 100)

    answer = site.get("/")

    assert answer.status == 503
    assert "cannot be reached" in answer.text


def test_health_is_there_before_the_migrations_ran(site: Site) -> None:
    answer = site.get("/health")

    assert answer.status == 200
    assert json.loads(answer.text)["status"] == "ok"


def test_health_says_the_version_of_the_release(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_VERSION", "7.0.1")
    assert json.loads(site.get("/health").text)["version"] == "7.0.1"


def test_health_says_the_version_of_the_package_outside_of_a_release(site: Site) -> None:
    try:
        expected = metadata.version("guestbook")
    except metadata.PackageNotFoundError:
        expected = "unreleased"
    assert json.loads(site.get("/health").text)["version"] == expected


def test_the_title_comes_from_the_environment(site: Site, prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()
    monkeypatch.setenv("GUESTBOOK_TITLE", "Visitors & friends")
    assert "<h1>Visitors &amp; friends</h1>" in site.get("/").text


def test_the_page_needs_nothing_from_elsewhere(site: Site, prepare: Prepare) -> None:
    prepare()
    answer = site.get("/")
    assert "://" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
