"""Which statements may lock the journal's own table."""

from __future__ import annotations

import pytest

from releaser.runtime.migrations.sessions.connection import may_lock_the_journal


@pytest.mark.parametrize(
    ("statement", "may"),
    [
        ("ALTER TABLE account ADD COLUMN note TEXT", False),
        ("\n  update account set balance = 0", False),
        ("CREATE TABLE note (id INTEGER)", False),
        ("LOCK TABLE account", True),
        ("DO $$ begin execute 'alter table x owner to y'; end $$", True),
        ("REASSIGN OWNED BY old TO new", True),
        ("DROP OWNED BY old", True),
        ("SELECT change_all_owners()", True),
        ("ALTER TABLE Release_Meta.migration_journal OWNER TO app", True),
        ("-- a comment\nLOCK TABLE account", True),
        ("", True),
    ],
)
def test_only_what_is_about_another_table_is_sent_before_the_line_is_written(statement: str, may: bool) -> None:
    assert may_lock_the_journal(statement) is may
