"""How revisions are linted: recorded in the release's own interpreter, judged here."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from releaser.errors import ProjectError

from .judge import Judgement, judge
from .rules import Finding
from .squawk import squawk

RECORDER = Path(__file__).with_name("recorder.py")
LIMIT_S = 120
_DRIVERS = (
    ("postgresql", ("psycopg", "psycopg2", "asyncpg", "pg8000")),
    ("mysql", ("pymysql", "MySQLdb", "aiomysql", "asyncmy", "mysql")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linting:
    """What is done beside running the rules."""

    accepted: tuple[str, ...] = ()
    """Rules, ours and squawk's, that are accepted in every revision."""
    squawk: Path | None = None
    """squawk's program, asked about revisions for PostgreSQL."""
    root: Path | None = None
    """The folder that squawk runs in, and finds its `.squawk.toml` in."""


def lint_revisions(
    files: Sequence[Path],
    *,
    python: Path,
    site_packages: Path,
    source_paths: tuple[str, ...] = (),
    own_modules: tuple[str, ...] = (),
    dialect: str = "",
    linting: Linting = Linting(),
    recorded: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[tuple[Judgement, ...], tuple[Finding, ...], str]:
    """Return what there is to say of each revision in `files`, which are in the order of the line; squawk's findings;
    and why squawk could not be asked, or "".

    `dialect` is postgresql, mysql or sqlite; empty, that of the driver in `site_packages`. Each `upgrade()` is run,
    without a database and without network; `recorded` is what came of that when it was done before.

    Raises:
        ProjectError: they cannot be run at all.
    """
    kind = dialect or dialect_of(site_packages)
    names = [str(file.absolute()) for file in files]
    if recorded is None:
        request = {
            "files": names,
            "site_packages": str(site_packages.absolute()),
            "source_paths": list(source_paths),
            "own_modules": list(own_modules),
            "dialect": offline_dialect(kind),
        }
        answer = _ask(python, request)
    else:
        by_name = {item["path"]: item for item in recorded}
        answer = [by_name[name] for name in names]
    judgements = judge(answer, kind, linting.accepted)
    if linting.squawk is None or kind != "postgresql":
        return judgements, (), ""
    ours = [finding for judgement in judgements for finding in judgement.findings]
    found, trouble = squawk(linting.squawk, linting.root or Path.cwd(), answer, ours)
    return judgements, tuple(finding for finding in found if finding.rule not in linting.accepted), trouble


def offline_dialect(kind: str) -> str:
    """Return the dialect in which revisions for a kind of database are recorded.

    What SQLite is asked for in a batch would need the table itself; what is asked for is the same.
    """
    return "postgresql" if kind == "sqlite" else kind


def _ask(python: Path, request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="releaser-") as folder:
        try:
            done = subprocess.run(
                [str(python), "-I", "-S", "-B", str(RECORDER)],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=LIMIT_S,
                check=False,
            )
            answer: list[Mapping[str, Any]] = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ProjectError("cannot lint the migrations: the revisions cannot be run without a database") from error
    return answer


def dialect_of(site_packages: Path) -> str:
    """Return the kind of database that the packages have a driver for; SQLite's is in every Python."""
    for dialect, names in _DRIVERS:
        if any((site_packages / name).is_dir() for name in names):
            return dialect
    return "sqlite"
