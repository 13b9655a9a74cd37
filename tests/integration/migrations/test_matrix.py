"""The stock environments with several generations of alembic and with the drivers people use.

Packages are installed once for each generation. `RELEASER_MATRIX=all` runs every combination; otherwise it is two.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv
from sqlalchemy import make_url
from support.driving import run
from support.migrated import ACCOUNTS, write_migrated

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Subject

GENERATIONS = {
    "1.13": ("alembic==1.13.3", "sqlalchemy==2.0.36"),
    "1.16": ("alembic==1.16.5", "sqlalchemy==2.0.44"),
    "newest": ("alembic", "sqlalchemy"),
}
ALSO = ("greenlet", "asyncpg", "aiosqlite", "psycopg[binary]", "psycopg2-binary", "pymysql")
DRIVERS = {
    "generic": ("sqlite+pysqlite", "postgresql+psycopg", "postgresql+psycopg2", "mariadb+pymysql"),
    "pyproject": ("sqlite+pysqlite", "postgresql+psycopg", "postgresql+psycopg2", "mariadb+pymysql"),
    "async": ("sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+psycopg"),
    "pyproject_async": ("sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+psycopg"),
}
SAMPLE = [
    ("1.13", "async", "postgresql+asyncpg"),
    ("newest", "pyproject_async", "sqlite+aiosqlite"),
]
EVERY = [
    (generation, template, driver)
    for generation, template in product(GENERATIONS, DRIVERS)
    if generation != "1.13" or not template.startswith("pyproject")
    for driver in DRIVERS[template]
]


@pytest.fixture(scope="session")
def packages_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that installs a generation and returns its folder of packages."""
    installed: dict[str, Path] = {}

    def install(generation: str) -> Path:
        if generation not in installed:
            folder = tmp_path_factory.mktemp("packages")
            wanted = [*GENERATIONS[generation], *ALSO]
            command = [uv.find_uv_bin(), "pip", "install", "-q", "--python", sys.executable, "--target", str(folder)]
            subprocess.run([*command, *wanted], check=True)
            installed[generation] = folder
        return installed[generation]

    return install


def stock(packages: Path, template: str, folder: Path) -> tuple[str, dict[str, str]]:
    """Return env.py and the configuration files that this alembic's `init` makes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from alembic.config import main;"
        " main(['init', '-t', sys.argv[2], 'migrations'])"
    )
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code, str(packages), template], cwd=folder, check=True, capture_output=True)
    names = [name for name in ("pyproject.toml", "alembic.ini") if (folder / name).exists()]
    return (folder / "migrations" / "env.py").read_text(), {name: (folder / name).read_text() for name in names}


@pytest.mark.parametrize(
    ("generation", "template", "driver"), EVERY if os.environ.get("RELEASER_MATRIX") == "all" else SAMPLE
)
def test_a_stock_environment_migrates_under_lock_and_journal(
    generation: str,
    template: str,
    driver: str,
    packages_of: Callable[[str], Path],
    make_subject: Callable[[str], Subject],
    tmp_path: Path,
) -> None:
    packages = packages_of(generation)
    env, config = stock(packages, template, tmp_path / "project")
    kind = driver.partition("+")[0]
    subject = make_subject(kind)
    url = make_url(subject.url).set(drivername=driver).render_as_string(hide_password=False)
    release = write_migrated(tmp_path / "release", ACCOUNTS, env=env, config=config, packages=packages)
    environ = {"DATABASE_URL": url}
    done = run(release.command("migrate"), environ=environ)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "database is at a003 (head): applied 3 revisions"
    assert subject.ask("SELECT balance FROM account") == [1001]
    again = run(release.command("migrate", "--to", "a003"), environ=environ)
    assert again.stdout == "nothing to do: the database is at a003 (head)\n", again.stderr
    listed = run(release.command("migrations"), environ=environ).stdout
    assert listed.count("UTC by app 1.0.0 on ") == 3
