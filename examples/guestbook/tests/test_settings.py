"""Where the database is."""

from pathlib import Path

import pytest

from guestbook.settings import database_url


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgresql://u@h/d?sslmode=require", "postgresql+psycopg://u@h/d?sslmode=require"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("mysql://u:p%40ss@h/d", "mysql+pymysql://u:p%40ss@h/d"),
        ("mariadb://u@h/d", "mariadb+pymysql://u@h/d"),
        ("sqlite:////srv/book.sqlite3", "sqlite:////srv/book.sqlite3"),
    ],
)
def test_a_url_without_a_driver_gets_the_installed_one(text: str, wanted: str) -> None:
    assert database_url({"DATABASE_URL": text}).render_as_string(hide_password=False) == wanted


def test_without_a_url_it_is_a_file_in_the_folder_of_the_release(tmp_path: Path) -> None:
    folder = tmp_path / "with space & ünïcode?"
    assert database_url({"RELEASE_VAR": str(folder)}).database == str(folder / "guestbook.sqlite3")


def test_without_a_release_it_is_a_file_in_the_working_directory(tmp_path: Path) -> None:
    assert database_url({}).database == str(tmp_path / "guestbook.sqlite3")
