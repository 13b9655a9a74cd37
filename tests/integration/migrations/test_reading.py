"""`read_graph` on folders of revisions, in a real interpreter with real packages."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import alembic
import pytest
from support.migrated import ACCOUNTS, GENERIC_ENV, NOT_BUNDLED, revision

from releaser.errors import ProjectError
from releaser.migrations import Graph, read_graph
from releaser.migrations.probe import is_url_used

PACKAGES = Path(sysconfig.get_path("purelib"))


def write(folder: Path, revisions: Mapping[str, str], env: str = GENERIC_ENV) -> Path:
    scripts = folder / "src" / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text(env)
    for name, text in revisions.items():
        (scripts / "versions" / f"{name}.py").write_text(text)
    return scripts


def read(scripts: Path, **more: object) -> Graph:
    return read_graph(scripts, python=Path(sys.executable), **{"site_packages": PACKAGES, **more})  # type: ignore[arg-type]


def problems_of(scripts: Path, **more: object) -> list[str]:
    with pytest.raises(ProjectError) as refused:
        read(scripts, **more)
    assert refused.value.now == "nothing was built"
    return [f"{problem.where}: {problem.what}" for problem in refused.value.problems]


def stock_environment(template: str) -> str:
    """Return the env.py of one of alembic's templates."""
    return (Path(alembic.__file__).parent / "templates" / template / "env.py").read_text()


def test_the_graph_holds_line_head_and_hashes(tmp_path: Path) -> None:
    graph = read(write(tmp_path, ACCOUNTS))
    assert graph.line == ("a001", "a002", "a003")
    assert graph.heads == ("a003",)
    assert graph.files == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in ACCOUNTS.items()}
    assert graph.version_table == "alembic_version"


def test_reading_leaves_no_trace_in_the_source_tree(tmp_path: Path) -> None:
    scripts = write(tmp_path, {**ACCOUNTS, "a004": revision("a004", "a003", "x") + "\nopen('made', 'w').close()\n"})
    before = sorted(tmp_path.rglob("*"))
    (problem,) = problems_of(scripts)
    assert "open made: nothing may be written" in problem
    assert sorted(tmp_path.rglob("*")) == before


def test_every_problem_is_told_with_its_file(tmp_path: Path) -> None:
    scripts = write(
        tmp_path,
        {
            **ACCOUNTS,
            "b001": revision("b001", "a002", "other head"),
            "b002 copy": revision("a002", "a001", "copy"),
            "b003": "revision = 'b003'\ndown_revision = 'a003'\n",
            "b004": "import no_such_package\n",
            "b005": "def upgrade(:\n",
        },
    )
    assert problems_of(scripts, root=tmp_path) == [
        "src/migrations/versions/b003.py: has no function 'upgrade'",
        "src/migrations/versions/b004.py:1: cannot be imported: ModuleNotFoundError: No module named 'no_such_package'",
        "src/migrations/versions/b005.py:1: cannot be imported: syntax error: invalid syntax",
        "src/migrations/versions/b002 copy.py: revision a002 is already in src/migrations/versions/a002.py",
    ]


@pytest.mark.parametrize(
    "reaching",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', 9))",
        "import socket\nsocket.getaddrinfo('localhost', 80)",
        "import sqlite3\nsqlite3.connect('side-effect.db')",
    ],
)
def test_a_revision_that_reaches_out_when_it_is_imported_is_refused(tmp_path: Path, reaching: str) -> None:
    scripts = write(tmp_path, {"a001": revision("a001", None, "reach") + reaching})
    (problem,) = problems_of(scripts)
    assert "may be used when a revision is imported" in problem


@pytest.mark.parametrize(
    ("doing", "told"),
    [
        ("import logging\nlogging.FileHandler('left.log')", "nothing may be written"),
        ("import subprocess\nsubprocess.run(['true'])", "no program may be started"),
        ("try:\n    open('left.txt', 'w')\nexcept Exception:\n    pass\n", "nothing may be written"),
    ],
)
def test_a_revision_that_does_something_when_it_is_imported_is_refused(tmp_path: Path, doing: str, told: str) -> None:
    text = revision("a001", None, "do")
    scripts = write(tmp_path, {"a001": f"{text}{doing}\n"})
    (problem,) = problems_of(scripts, root=tmp_path)
    assert problem.startswith(f"src/migrations/versions/a001.py:{len(text.splitlines()) + 2}: cannot be imported: ")
    assert f"{told} when a revision is imported" in problem


def test_a_driver_written_in_c_cannot_connect_either(tmp_path: Path) -> None:
    scripts = write(tmp_path, {"a001": f"import psycopg\npsycopg.connect('host={tmp_path} user=x')\n"})
    (problem,) = problems_of(scripts)
    assert "Operation not permitted" in problem


def test_a_module_of_the_project_may_not_write_either_and_a_library_may(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    for name in ("shop", "library"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("open('left.txt', 'w').close()\n")
    for package in PACKAGES.iterdir():
        if not package.name.endswith(NOT_BUNDLED):
            (packages / package.name).symlink_to(package)
    scripts = write(tmp_path, {"a001": "import library\nimport shop\n" + revision("a001", None, "do")})
    (problem,) = problems_of(scripts, site_packages=packages, own_modules=("shop",), root=tmp_path)
    assert problem.startswith("src/migrations/versions/a001.py:2: cannot be imported: open left.txt: nothing may be")
    assert problem.endswith(f"asked for by {packages}/shop/__init__.py:1")


def test_a_revision_that_ends_the_process_is_told_with_its_last_words(tmp_path: Path) -> None:
    dying = "import os, sys\nsys.stderr.write('last words\\n')\nsys.stderr.flush()\nos._exit(7)\n"
    with pytest.raises(ProjectError, match="importing them ended with exit code 7") as refused:
        read(write(tmp_path, {"a001": dying}))
    assert refused.value.output == ("last words",)


def test_what_a_revision_prints_does_not_disturb(tmp_path: Path) -> None:
    graph = read(write(tmp_path, {"a001": "print('hello')\n" + revision("a001", None, "loud")}))
    assert graph.line == ("a001",)


def test_a_bundle_without_alembic_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError) as refused:
        read_graph(write(tmp_path, ACCOUNTS), python=Path(sys.executable), site_packages=tmp_path / "empty")
    assert "alembic cannot be imported from the bundle" in refused.value.problems[0].what


def test_a_folder_without_env_py_or_revisions_is_refused(tmp_path: Path) -> None:
    scripts = write(tmp_path, {})
    (scripts / "env.py").unlink()
    assert problems_of(scripts, root=tmp_path) == [
        "src/migrations/env.py: alembic needs this file; it is missing",
        ": there are no revisions",
    ]


def test_the_version_table_of_env_py_is_known(tmp_path: Path) -> None:
    env = GENERIC_ENV.replace("target_metadata=None", "target_metadata=None, version_table='shop_version'")
    assert read(write(tmp_path, ACCOUNTS, env)).version_table == "shop_version"


def test_revisions_outside_of_the_script_folder_are_refused(tmp_path: Path) -> None:
    scripts = write(tmp_path, ACCOUNTS)
    config = tmp_path / "alembic.ini"
    config.write_text(f"[alembic]\nversion_locations = {tmp_path}/more {scripts}/versions\npath_separator = space\n")
    (problem,) = problems_of(scripts, config=config, root=tmp_path)
    assert problem.startswith(f"alembic.ini: version_locations names {tmp_path}/more;")


def test_an_asynchronous_env_py_needs_greenlet_in_the_bundle(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for package in PACKAGES.iterdir():
        if "greenlet" not in package.name and package.suffix != ".pth":
            (packages / package.name).symlink_to(package)
    env = "from sqlalchemy.ext.asyncio import async_engine_from_config\n"
    with pytest.raises(ProjectError) as refused:
        read_graph(write(tmp_path, ACCOUNTS, env), python=Path(sys.executable), site_packages=packages)
    assert "needs greenlet" in refused.value.problems[0].what


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async", "multidb"])
def test_it_is_known_of_the_stock_environments_what_they_connect_to(tmp_path: Path, template: str) -> None:
    assert is_url_used(write(tmp_path, ACCOUNTS, stock_environment(template))) == (template != "multidb")


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("engine_from_config(\n", "create_engine(\n"),
        ('prefix="sqlalchemy."', 'prefix="sqlalchemy.", url="sqlite://"'),
        ("target_metadata=None", "version_table=str(1)"),
        ("config = context.config", "config = context.config\nconfig.set_main_option('sqlalchemy.url', 'sqlite://')"),
    ],
)
def test_of_an_unusual_environment_it_is_not_known(tmp_path: Path, part: str, instead: str) -> None:
    assert part in GENERIC_ENV
    assert not read(write(tmp_path, ACCOUNTS, GENERIC_ENV.replace(part, instead))).url_is_used


def test_what_a_revision_says_about_itself_is_checked(tmp_path: Path) -> None:
    texts = {**ACCOUNTS, "a003": ACCOUNTS["a003"] + "\nrelease = {'phase': 'late', 'compatible': 1, 'x': 2}\n"}
    assert problems_of(write(tmp_path, texts), root=tmp_path) == [
        "src/migrations/versions/a003.py: release has the unknown key 'x'; known are phase, compatible, lint_ok",
        "src/migrations/versions/a003.py: release['phase']: expected 'pre' or 'post', found 'late'",
        "src/migrations/versions/a003.py: release['compatible']: expected True or False, found 1",
    ]


def test_findings_have_the_place_in_the_revisions_file(tmp_path: Path) -> None:
    hurting = revision(
        "a004",
        "a003",
        "hurting",
        'op.drop_column("account", "owner")',
        "with op.batch_alter_table('account') as batch:",
        "    batch.add_column(sa.Column('z', sa.Integer, nullable=False))",
        "op.get_bind().execute(sa.text('SELECT 1')).scalar().upper()",
    )
    found = read(write(tmp_path, {**ACCOUNTS, "a004": hurting}), root=tmp_path).findings
    assert [finding.sentence() for finding in found if finding.revision == "a004"] == [
        "src/migrations/versions/a004.py:1: M901: cannot be followed without a database: "
        "AttributeError: 'NoneType' object has no attribute 'upper'",
        "src/migrations/versions/a004.py:9: M302: dropping account.owner breaks the old code while both run",
        "src/migrations/versions/a004.py:11: M201: account.z must be filled and has no default: it fails on rows that"
        " exist, and in the old code",
    ]


def test_what_is_done_when_it_runs_is_refused_in_its_own_words(tmp_path: Path) -> None:
    reaching = revision("a004", "a003", "reaching", "import subprocess", "subprocess.run(['id'])")
    (finding,) = read(write(tmp_path, {**ACCOUNTS, "a004": reaching}), root=tmp_path).findings
    assert finding.revision == "a004"
    assert "no program may be started when the build looks at a revision" in finding.sentence()


def test_a_revision_that_ends_the_process_when_it_runs_is_refused(tmp_path: Path) -> None:
    ending = revision("a004", "a003", "ending", "import os", "os._exit(0)")
    with pytest.raises(
        ProjectError, match="cannot lint the migrations: the revisions cannot be run without a database"
    ):
        read(write(tmp_path, {**ACCOUNTS, "a004": ending}))
