"""The stock environments with several generations of alembic and with the drivers people use.

Packages are installed once for each generation. `RELEASER_MATRIX=all` runs every combination; otherwise it is a few,
in which each value of each axis is found.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import uv
from sqlalchemy import make_url
from support.driving import run
from support.migrated import ACCOUNTS, write_migrated

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Subject

OLDEST = "2.0.0" if sys.version_info < (3, 13) else "2.0.31"
"""The first SQLAlchemy 2.0 that can be imported by this Python."""
GENERATIONS = {
    "1.13.0": ("alembic==1.13.0", f"sqlalchemy=={OLDEST}"),
    "1.13.3": ("alembic==1.13.3", "sqlalchemy==2.0.36"),
    "1.16.5": ("alembic==1.16.5", "sqlalchemy==2.0.44"),
    "newest": ("alembic", "sqlalchemy"),
}
WITHOUT_TOML = ("1.13.0", "1.13.3")
ALSO = ("greenlet", "asyncpg", "aiosqlite", "psycopg[binary]", "psycopg2-binary", "pymysql")
SYNC = ("sqlite+pysqlite", "postgresql+psycopg", "postgresql+psycopg2", "mariadb+pymysql")
ASYNC = ("sqlite+aiosqlite", "postgresql+asyncpg", "postgresql+psycopg")
TEMPLATES = {
    "generic": (("ini", "neither"), ("given", "own"), SYNC),
    "async": (("ini", "neither"), ("given", "own"), ASYNC),
    "multidb": (("ini",), ("own",), SYNC),
    "pyproject": (("both", "toml"), ("given", "own"), SYNC),
    "pyproject_async": (("both", "toml"), ("given", "own"), ASYNC),
}
"""Of each template the files of configuration, whose URL it is, and the drivers."""
OWN_URL = """
import os
config.set_main_option("sqlalchemy.url", os.environ["OWN_URL"].replace("%", "%%"))
"""


class Cell(NamedTuple):
    """One combination."""

    generation: str
    template: str
    files: str
    url: str
    driver: str


SAMPLE = [
    Cell("1.13.0", "generic", "ini", "own", "postgresql+psycopg2"),
    Cell("1.13.3", "async", "neither", "given", "postgresql+asyncpg"),
    Cell("1.16.5", "pyproject", "toml", "given", "mariadb+pymysql"),
    Cell("1.13.3", "generic", "ini", "given", "sqlite+pysqlite"),
    Cell("newest", "pyproject_async", "both", "own", "sqlite+aiosqlite"),
    Cell("newest", "multidb", "ini", "own", "postgresql+psycopg"),
]
EVERY = [
    Cell(generation, template, *rest)
    for generation, template in product(GENERATIONS, TEMPLATES)
    if generation not in WITHOUT_TOML or not template.startswith("pyproject")
    for rest in product(*TEMPLATES[template])
]


def test_the_few_combinations_hold_each_value_of_each_axis() -> None:
    for every, few in zip(zip(*EVERY, strict=True), zip(*SAMPLE, strict=True), strict=True):
        assert set(every) == set(few)
    assert set(SAMPLE) <= set(EVERY)


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


@cache
def stock(packages: Path, template: str) -> tuple[str, dict[str, str]]:
    """Return env.py and the configuration files that this alembic's `init` makes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from alembic.config import main;"
        " main(['init', '-t', sys.argv[2], 'migrations'])"
    )
    folder = packages.with_name(f"{packages.name}-{template}")
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code, str(packages), template], cwd=folder, check=True, capture_output=True)
    names = [name for name in ("pyproject.toml", "alembic.ini") if (folder / name).exists()]
    return (folder / "migrations" / "env.py").read_text(), {name: (folder / name).read_text() for name in names}


@pytest.mark.parametrize("cell", EVERY if os.environ.get("RELEASER_MATRIX") == "all" else SAMPLE, ids="-".join)
def test_a_stock_environment_migrates_under_lock_and_journal(
    cell: Cell,
    packages_of: Callable[[str], Path],
    make_subject: Callable[[str], Subject],
    tmp_path: Path,
) -> None:
    packages = packages_of(cell.generation)
    env, stock_config = stock(packages, cell.template)
    config = dict(stock_config)
    subject = make_subject(cell.driver.partition("+")[0])
    url = make_url(subject.url).set(drivername=cell.driver).render_as_string(hide_password=False)
    if cell.template == "multidb":
        config["alembic.ini"] = one_engine(config["alembic.ini"], url)
    elif cell.url == "own":
        assert "config = context.config\n" in env
        env = env.replace("config = context.config\n", f"config = context.config\n{OWN_URL}", 1)
    kept = {"ini": ["alembic.ini"], "toml": ["pyproject.toml"], "both": list(config), "neither": []}[cell.files]
    revisions = dict(ACCOUNTS)
    if cell.template == "multidb":
        revisions = {name: text.replace("upgrade():", "upgrade(engine_name):") for name, text in ACCOUNTS.items()}
    release = write_migrated(
        tmp_path / "release",
        revisions,
        env=env,
        config={name: config[name] for name in kept},
        url="${DATABASE_URL}" if cell.url == "given" else "",
        packages=packages,
    )
    environ = {"DATABASE_URL" if cell.url == "given" else "OWN_URL": url}
    done = run(release.command("migrate"), environ=environ, within=180)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "database is at a003 (head): applied 3 revisions"
    assert subject.ask("SELECT balance FROM account") == [1001]
    listed = run(release.command("migrations"), environ=environ)
    assert listed.stdout.startswith("the database is at a003 (head)\n"), listed.stderr
    assert listed.stdout.count("UTC by app 1.0.0 on ") == 3


def one_engine(ini: str, url: str) -> str:
    """Return the template's alembic.ini with one database of its two, and its URL."""
    ini = ini.replace("databases = engine1, engine2", "databases = engine1")
    engine = ini.index("[engine1]")
    line = ini.index("sqlalchemy.url = ", engine)
    return f"{ini[:line]}sqlalchemy.url = {url.replace('%', '%%')}{ini[ini.index(chr(10), line) :]}"
