"""What the words after `migrate` and `migrations` are taken for."""

from __future__ import annotations

import pytest

from releaser.runtime.migrations.options import duration_s, parse_migrate, parse_migrations
from releaser.runtime.release.failures import Failure


def test_without_words_everything_is_applied_and_another_runner_waited_for() -> None:
    options = parse_migrate([])
    assert (options.to, options.is_dry_run, options.lock_wait_s, options.as_json) == ("head", False, 600.0, False)


def test_a_value_stands_behind_its_word_or_an_equals_sign() -> None:
    for words in (["--to", "3f2a", "--lock-wait", "2m"], ["--to=3f2a", "--lock-wait=2m"]):
        options = parse_migrate([*words, "--dry-run", "--json"])
        assert (options.to, options.is_dry_run, options.lock_wait_s, options.as_json) == ("3f2a", True, 120.0, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), ("30s", 30.0), ("500ms", 0.5), ("10m", 600.0), ("1.5h", 5400.0), ("0", 0.0)]
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--too", "x"], "unknown word '--too'"),
        (["--dry-run=yes"], "unknown word '--dry-run'"),
        (["--to"], "--to needs a value"),
        (["--to", ""], "--to: expected a revision, found nothing"),
        (["--to", "base"], "--to base: this only goes forward; --down-to goes back"),
        (["--to", "-1"], "--to -1: this only goes forward"),
        (["--to", "+0"], "--to +0: expected a number of revisions such as +2"),
        (["--to", "+x"], "--to +x: expected a number of revisions"),
        (["--at-least", "+1"], "--at-least +1: expected a revision"),
        (["--at-least=a", "--to=b"], "--to and --at-least exclude each other"),
        (["--phase", "x"], "--phase: expected 'pre' or 'post', found 'x'"),
        (["--check", "--sql"], "--check and --sql exclude each other"),
        (["--yes-lose-data"], "nothing here needs --yes-lose-data"),
        (["--force", "--to", "a"], "nothing here needs --force"),
        (["--stamp", "a", "--yes-lose-data"], "nothing here needs --yes-lose-data"),
        (["--stamp", "base"], "--stamp: expected a revision or head, found 'base'"),
        (["--stamp", "+1"], "--stamp: expected a revision or head, found '+1'"),
        (["--stamp", "a", "--phase", "pre"], "--stamp and --phase exclude each other"),
        (["--resolve", "a", "retry", "--force"], "nothing here needs --force"),
        (["--resolve", "a"], "--resolve a: expected 'applied', 'undone' or 'retry', found nothing after the revision"),
        (["--resolve", "+1", "retry"], "--resolve: expected a revision or head, found '+1'"),
        (["--down-to", "a"], "--down-to undoes revisions, and data with them"),
        (["--down-to", "a", "--force"], "--down-to undoes revisions, and data with them"),
        (["--down-to", "head", "--yes-lose-data"], "--down-to: expected a revision or base, found 'head'"),
        (["--down-to", "-1", "--yes-lose-data"], "--down-to: expected a revision or base, found '-1'"),
        (["--down-to", "a", "--yes-lose-data", "--to=b"], "--down-to and --to exclude each other"),
        (["--down-to", "a", "--yes-lose-data", "--plan"], "--down-to and --dry-run exclude each other"),
        (["--unlock"], "--unlock ends another runner's session"),
        (["--unlock", "--yes-lose-data"], "--unlock ends another runner's session"),
        (["--unlock", "--force", "--stamp", "a"], "--unlock and --stamp exclude each other"),
        (["--lock-wait", "soon"], "expected a duration such as 30s or 10m, found 'soon'"),
        (["--lock-wait", "1.2.3s"], "expected a duration"),
        (["--lock-wait", "ms"], "expected a duration"),
    ],
)
def test_what_cannot_be_understood_is_exit_code_2(words: list[str], said: str) -> None:
    with pytest.raises(Failure) as refused:
        parse_migrate(words)
    assert refused.value.exit_code == 2
    assert said in refused.value.message
    assert refused.value.details[0].startswith("usage: migrate [DATABASE ...] [--to REVISION] ")
    usage = refused.value.lines()[1:]
    assert not [line for line in usage if "\\n" in line or len(line) > 80]


def test_the_list_knows_one_word() -> None:
    assert (parse_migrations([]).as_json, parse_migrations([]).is_dry_run) == (False, True)
    assert parse_migrations(["--json"]).as_json
    with pytest.raises(Failure, match="unknown word '--all'"):
        parse_migrations(["--all"])


def test_words_without_a_dash_name_databases() -> None:
    assert parse_migrate(["accounts", "--plan", "audit"]).names == ["accounts", "audit"]
    assert parse_migrations(["accounts"]).names == ["accounts"]
