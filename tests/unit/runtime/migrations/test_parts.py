"""The parts of a migration that need no database: lock names, configuration, what is told of errors, broken pipes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from releaser.runtime.migrations.database.scripts import load_config
from releaser.runtime.migrations.failures import Secret, lines_of, shortened
from releaser.runtime.migrations.locks.trust import key_of
from releaser.runtime.migrations.output.report import Report, Tolerant, Unheard


def test_the_name_of_a_lock_never_changes() -> None:
    # Releases of different age exclude each other by it: a change here is a second lock beside the first.
    assert key_of("shop", "", "alembic_version").hex() == (
        "7b41c8e887fb7a5be6f97a2b9aea2eff8452826d43ea050919bfb8244e600e3f"
    )


def test_locks_differ_by_database_schema_and_table() -> None:
    names = {key_of(*words) for words in (("a", "", "t"), ("b", "", "t"), ("a", "s", "t"), ("a", "", "u"))}
    assert len(names) == 4


def test_the_authors_configuration_is_kept_and_the_release_put_in(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/old\nprepend_sys_path = .\nsqlalchemy.url = old\nmine = kept\n"
    )
    config = load_config(str(tmp_path / "alembic.ini"), "/srv/100%/migrations", "mysql://u:p%40s@h/x")
    assert config.get_alembic_option("script_location") == "/srv/100%/migrations"
    assert config.get_main_option("sqlalchemy.url") == "mysql://u:p%40s@h/x"
    assert config.get_main_option("mine") == "kept"
    assert not config.get_prepend_sys_paths_list()
    assert config.config_file_name == str(tmp_path / "alembic.ini")


def test_without_a_url_the_authors_own_stays(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = old\n")
    assert load_config(str(tmp_path / "alembic.ini"), "/x", "").get_main_option("sqlalchemy.url") == "old"


def test_pyproject_and_the_ini_file_beside_it_are_both_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nprepend_sys_path = ["."]\nfile_template = "kept"\n')
    (tmp_path / "alembic.ini").write_text("[alembic]\nmine = kept\n")
    config = load_config(str(tmp_path / "pyproject.toml"), "/x", "")
    assert config.get_main_option("mine") == "kept"
    assert config.get_alembic_option("file_template") == "kept"
    assert not config.get_prepend_sys_paths_list()


def test_a_release_without_configuration_needs_none() -> None:
    config = load_config("", "/x", "sqlite://")
    assert (config.config_file_name, config.get_main_option("sqlalchemy.url")) == (None, "sqlite://")


def test_a_drivers_error_is_told_in_its_own_words_without_the_password() -> None:
    error = OperationalError("SELECT 1", {}, sqlite3.OperationalError("no table\nfor user app with s3cret-word\n"))
    assert lines_of(error, Secret("s3cret-word")) == ["no table", "for user app with ***"]


def test_an_error_of_the_authors_code_is_told_with_its_type() -> None:
    assert lines_of(KeyError("shop")) == ["KeyError: 'shop'"]


def test_a_numbered_error_has_its_number_at_the_end() -> None:
    error = OperationalError("SELECT 1", {}, sqlite3.OperationalError(1045, "Access denied"))
    assert lines_of(error) == ["Access denied (1045)"]


def test_a_long_statement_is_cut() -> None:
    assert shortened("SELECT\n   1") == "SELECT 1"
    assert len(shortened("SELECT " + "1, " * 500)) == 200


def test_a_stream_whose_reader_has_gone_raises_nothing_and_is_noticed() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        tolerant = Tolerant(stream)
        report = Report(tolerant)
        report.line("heard")
        report.check_heard()
        os.close(reader)
        with pytest.raises(Unheard):
            report.check_heard()
        report.line("unheard")
        report.line("unheard again")
        assert tolerant.is_lost
