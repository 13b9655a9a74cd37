"""`releaser migrations lint` and `graph`, on a project with an environment of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.migrated import ACCOUNTS, GENERIC_ENV, revision

CONFIG = """
[release.shop]
entry_point = "shop.server:main"
[release.shop.migrations]
script_location = "migrations"
[environment.prod]
"""

MORE = """
[release.shop.migrations.audit]
script_location = "audit"
"""


def releaser(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "releaser", *words], cwd=project, capture_output=True, text=True, check=False
    )


def make_project(folder: Path, last: str) -> Path:
    for name, text in {
        "rel/config.toml": CONFIG,
        "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0.0"\n',
        "shop/__init__.py": "",
        "migrations/env.py": GENERIC_ENV,
        **{f"migrations/versions/{name}.py": text for name, text in {**ACCOUNTS, "a004": last}.items()},
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_findings_are_shown_with_what_to_do_instead(tmp_path: Path) -> None:
    project = make_project(tmp_path, revision("a004", "a003", "drop", 'op.drop_column("account", "owner")'))
    done = releaser(project, "migrations", "lint", "--python", sys.executable)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-3:-1] == [
        "migrations/versions/a004.py:9: M302: dropping account.owner breaks the old code while both run",
        '    instead: a release that does not use it any more, then release = {"phase": "post"}',
    ]
    assert re.fullmatch(r"\d+ findings? in \d revisions?", done.stdout.splitlines()[-1])


def test_what_is_released_is_not_looked_at_unless_all_are_asked_for(tmp_path: Path) -> None:
    project = make_project(tmp_path, revision("a004", "a003", "drop", 'op.drop_column("account", "owner")'))
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace('"migrations"\n', '"migrations"\nreleased = "a004"\n'))
    done = releaser(project, "migrations", "lint", "--python", sys.executable)
    assert (done.returncode, done.stdout) == (0, "0 findings in 0 revisions\n"), done.stderr
    done = releaser(project, "migrations", "lint", "--all", "--python", sys.executable)
    assert done.returncode == 1
    assert "M302" in done.stdout


def test_the_line_is_shown_in_its_order(tmp_path: Path) -> None:
    last = revision("a004", "a003", "drop owner", 'op.drop_column("account", "owner")')
    project = make_project(tmp_path, last + '\nrelease = {"phase": "post"}\n')
    done = releaser(project, "migrations", "graph", "--python", sys.executable)
    assert done.stdout.splitlines() == [
        "a001  create account (compatible)",
        "a002  add owner (compatible)",
        "a003  pay interest",
        "a004  drop owner (head, post, not compatible)",
    ], done.stderr


def test_each_of_several_databases_is_shown_or_the_one_that_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path, revision("a004", "a003", "drop", 'op.drop_column("account", "owner")'))
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace(".migrations]", ".migrations.ledger]") + MORE)
    (project / "audit").mkdir()
    (project / "audit/env.py").write_text(GENERIC_ENV)
    (project / "audit/versions").mkdir()
    (project / "audit/versions/b1.py").write_text(revision("b1", None, "nothing"))
    done = releaser(project, "migrations", "graph", "--python", sys.executable)
    assert done.stdout.splitlines() == [
        *("ledger:", "  a001  create account (compatible)", "  a002  add owner (compatible)", "  a003  pay interest"),
        *("  a004  drop (head, not compatible)", "audit:", "  b1  nothing (head, compatible)"),
    ], done.stderr
    one = releaser(project, "migrations", "lint", "--python", sys.executable, "--database", "audit")
    assert (one.returncode, one.stdout) == (0, "0 findings in 1 revision\n")
    unknown = releaser(project, "migrations", "lint", "--python", sys.executable, "--database", "b")
    assert unknown.returncode == 2
    assert "the release shop has no database 'b'; it has ledger, audit" in unknown.stderr


def test_without_an_environment_it_says_where_it_was_looked_for(tmp_path: Path) -> None:
    project = make_project(tmp_path, revision("a004", "a003", "nothing"))
    done = releaser(project, "migrations", "lint")
    assert done.returncode == 3
    assert ".venv/bin/python: there is no virtual environment with the app's packages" in done.stderr
