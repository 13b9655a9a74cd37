"""Migrations in a release: plain files, their graph in the manifest, and the hook that runs them."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.builds import files_in, manifest_of
from support.tiny_project import CONFIG, make_tiny_project

from releaser.build.executor import build
from releaser.build.publish.built import Built
from releaser.cli.output.report import SilentReport
from releaser.config import read_config
from releaser.errors import Problem, ProjectError
from releaser.migrations.rules import Finding
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan

SECTION = """
[release.tiny.migrations]
script_location = "tiny:migrations"
url = "${DATABASE_URL}"
run = "pre_start"
lock_timeout = "2s"
retries = 3
journal = "required"
after_migrate = "tiny.db:renew"
"""


@dataclass(frozen=True)
class ReadGraph:
    """What the builder is told of the graph, and a note of what it asked for."""

    line: tuple[str, ...] = ("a1", "b2")
    heads: tuple[str, ...] = ("b2",)
    files: dict[str, str] = field(default_factory=lambda: {"a1": "00", "b2": "11"})
    version_table: str = "alembic_version"
    version_table_schema: str = ""
    url_is_used: bool = True
    findings: tuple[Finding, ...] = ()
    trouble: str = ""
    compatible: dict[str, bool] = field(default_factory=lambda: {"b2": True})
    disorder: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)

    def __call__(
        self,
        scripts: Path,
        *,
        python: Path,
        site_packages: Path,
        source_paths: tuple[str, ...],
        config: Path | None,
        root: Path | None,
        own_modules: tuple[str, ...],
        lint_ignore: tuple[str, ...],
        squawk: Path | None,
    ) -> ReadGraph:
        assert "tiny" in own_modules
        assert (site_packages / "releaser" / "runtime").is_dir()
        assert config is not None
        self.asked.append((scripts, source_paths))
        return self

    def out_of_order(self, known: Collection[str]) -> tuple[Problem, ...]:
        found = {revision: what for revision, what in self.disorder.items() if revision not in known}
        return tuple(Problem(where=f"{revision}.py", what=what) for revision, what in found.items())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project", config=CONFIG + SECTION)
    for name, text in {
        "src/alembic/__init__.py": "",  # stands for the library, which would have to be fetched
        "src/tiny/migrations/env.py": "from alembic import context\n",
        "src/tiny/migrations/versions/a1.py": "revision = 'a1'\n",
        "src/tiny/migrations/script.py.mako": "template\n",
        "alembic.ini": "[alembic]\nscript_location = tiny:migrations\n",
    }.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    stale = project / "src/tiny/migrations/versions/__pycache__/gone.cpython-311.pyc"
    stale.parent.mkdir()
    stale.write_bytes(b"")
    return project


def build_here(project: Path, environment: str, graph: ReadGraph) -> Built:
    config = project / "rel/config.toml"
    profile = read_config(config).profile(None, environment)
    plan = make_plan(profile, gather_facts(profile, config))
    return build(plan, report=SilentReport(sys.stdout, False), read_graph=graph)


def test_scripts_are_plain_files_even_where_sources_are_left_out(project: Path) -> None:
    graph = ReadGraph()
    release = build_here(project, "closed", graph).folder
    files = files_in(release / "releases/1.0.0/migrations")
    assert sorted(files) == [
        "alembic.ini",
        "default/env.py",
        "default/script.py.mako",
        "default/versions/a1.py",
    ]
    assert files["alembic.ini"] == (project / "alembic.ini").read_bytes()
    (migrations,) = manifest_of(release)["migrations"]
    assert migrations == {
        "name": "default",
        "scripts": "migrations/default",
        "config": "migrations/alembic.ini",
        "url": "${DATABASE_URL}",
        "run": "pre_start",
        "version_table": "alembic_version",
        "line": ["a1", "b2"],
        "heads": ["b2"],
        "files": {"a1": "00", "b2": "11"},
        "version_table_schema": "",
        "url_is_used": True,
        "lock": "auto",
        "lock_timeout_s": 2.0,
        "statement_timeout_s": 0.0,
        "retries": 3,
        "journal": "required",
        "backup": "auto",
        "released": "",
        "compatible": {"b2": True},
        "targets": "",
        "targets_at_once": 4,
        "targets_timeout_s": 60.0,
        "on_failure": "continue",
        "after_migrate": "tiny.db:renew",
        "command": None,
        "check": None,
    }


def test_both_configurations_of_alembic_are_carried(project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.alembic]\nscript_location = "tiny:migrations"\n')
    release = build_here(project, "prod", ReadGraph()).folder
    files = files_in(release / "releases/1.0.0/migrations")
    assert files["pyproject.toml"] == (project / "pyproject.toml").read_bytes()
    assert files["alembic.ini"] == (project / "alembic.ini").read_bytes()


def test_each_of_several_databases_has_its_scripts_and_its_configuration(project: Path) -> None:
    config = project / "rel/config.toml"
    more = """
[release.tiny.migrations.ledger]
run = "manual"
[release.tiny.migrations.audit]
script_location = "tiny:audit"
config = "audit.ini"
url = "${AUDIT_URL}"
targets = "tiny.tenants:urls"
targets_at_once = 8
targets_timeout = "5m"
on_failure = "stop"
"""
    config.write_text(config.read_text() + more)
    for name, text in {"src/tiny/audit/env.py": "from alembic import context\n", "audit.ini": "[alembic]\n"}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    release = build_here(project, "prod", ReadGraph()).folder
    assert sorted(files_in(release / "releases/1.0.0/migrations")) == [
        "audit.config/alembic.ini",
        "audit/env.py",
        "ledger.config/alembic.ini",
        "ledger/env.py",
        "ledger/script.py.mako",
        "ledger/versions/a1.py",
    ]
    records = manifest_of(release)["migrations"]
    told = [[record[name] for name in ("name", "scripts", "config", "url", "run", "retries")] for record in records]
    assert told == [
        ["ledger", "migrations/ledger", "migrations/ledger.config/alembic.ini", "${DATABASE_URL}", "manual", 3],
        ["audit", "migrations/audit", "migrations/audit.config/alembic.ini", "${AUDIT_URL}", "pre_start", 3],
    ]
    of_targets = ("targets", "targets_at_once", "targets_timeout_s", "on_failure")
    assert [[record[name] for name in of_targets] for record in records] == [
        ["", 4, 60.0, "continue"],
        ["tiny.tenants:urls", 8, 300.0, "stop"],
    ]
    hook = release / "releases/1.0.0/hooks/pre_start.d/10-migrate"
    assert hook.read_text().splitlines()[-1] == 'exec "$RELEASE_PROG" migrate audit'


def finding_in(revision: str) -> Finding:
    return Finding(rule="M302", revision=revision, path="a.py", line=3, what="dropping x", instead="wait")


def test_findings_in_revisions_are_warnings(project: Path) -> None:
    built = build_here(project, "prod", ReadGraph(findings=(finding_in("a1"),)))
    assert "a.py:3: M302: dropping x; instead: wait" in built.warnings


def test_of_a_first_release_many_findings_are_counted(project: Path) -> None:
    findings = tuple(finding_in(revision) for revision in ("a1", "b2") for _ in range(4))
    built = build_here(project, "prod", ReadGraph(findings=findings))
    assert "8 findings in 2 revisions: releaser migrations lint shows them" in built.warnings


def say(project: Path, **settings: str) -> None:
    """Add settings of the migrations, and give the next build's inputs a difference, since graphs are kept."""
    config = project / "rel/config.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    config.write_text(config.read_text().replace("retries = 3\n", f"retries = 3\n{lines}"))
    script = project / "src/tiny/migrations/versions/b2.py"
    script.write_text(script.read_text() + "\n" if script.exists() else "revision = 'b2'\n")


def set_version(project: Path, version: str) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "1.0.0"', f'version = "{version}"'))


def test_what_is_new_since_the_release_before_can_end_the_build(project: Path) -> None:
    say(project, lint='"error"')
    build_here(project, "prod", ReadGraph(line=("a1",), findings=(finding_in("a1"),)))
    say(project)
    set_version(project, "1.1.0")
    with pytest.raises(ProjectError, match="revisions of this release would hurt") as error:
        build_here(project, "prod", ReadGraph(findings=(finding_in("a1"), finding_in("b2"))))
    (problem,) = error.value.problems
    assert (problem.what, problem.hint) == ("a.py:3: M302: dropping x", "wait")


def test_a_version_that_is_built_again_is_compared_with_the_one_before_it(project: Path) -> None:
    build_here(project, "prod", ReadGraph(line=("a1",), findings=(finding_in("a1"),)))
    set_version(project, "1.1.0")
    for _ in range(2):  # of 1.0.0 there is only the archive then
        say(project)
        built = build_here(project, "prod", ReadGraph(findings=(finding_in("a1"), finding_in("b2"))))
        assert built.warnings.count("a.py:3: M302: dropping x; instead: wait") == 1


def test_the_author_can_say_what_is_released(project: Path) -> None:
    say(project, released='"a1"', lint='"error"')
    with pytest.raises(ProjectError, match="revisions of this release would hurt") as error:
        build_here(project, "prod", ReadGraph(findings=(finding_in("a1"), finding_in("b2"))))
    assert len(error.value.problems) == 1


def test_a_released_revision_that_is_not_there_ends_the_build(project: Path) -> None:
    say(project, released='"zz"')
    with pytest.raises(ProjectError, match="cannot tell which revisions are new") as error:
        build_here(project, "prod", ReadGraph())
    (problem,) = error.value.problems
    assert problem.what == "there is no revision 'zz' on the line"
    assert problem.where.startswith("rel/config.toml:")


def test_a_revision_for_before_the_new_code_after_one_for_later_ends_the_build(project: Path) -> None:
    say(project, released='"a1"')
    with pytest.raises(ProjectError, match="cannot be applied in two phases") as error:
        build_here(project, "prod", ReadGraph(disorder={"a1": "x", "b2": "is of phase pre, and comes after"}))
    assert [problem.where for problem in error.value.problems] == ["b2.py"]


def test_the_hook_that_migrates_is_the_first_of_its_event(project: Path) -> None:
    release = build_here(project, "prod", ReadGraph()).folder
    hook = release / "releases/1.0.0/hooks/pre_start.d/10-migrate"
    assert hook.read_text().splitlines()[-1] == 'exec "$RELEASE_PROG" migrate'
    assert hook.stat().st_mode & 0o777 == 0o755
    (entry,) = manifest_of(release)["hooks"]
    assert (entry["name"], entry["timeout_s"], entry["on_failure"]) == ("10-migrate", 3600.0, "abort")


def test_in_dev_mode_the_scripts_stay_in_the_source_tree(project: Path) -> None:
    graph = ReadGraph()
    release = build_here(project, "dev", graph).folder
    source = project / "src/tiny/migrations"
    assert graph.asked == [(source, (str(project / "src"),))]
    (migrations,) = manifest_of(release)["migrations"]
    assert (migrations["scripts"], migrations["files"]) == (str(source), {})


def test_what_is_wrong_with_the_graph_ends_the_build(project: Path) -> None:
    def two_heads(scripts: Path, **where: object) -> ReadGraph:
        raise ProjectError("the migrations have 2 heads")

    config = project / "rel/config.toml"
    profile = read_config(config).profile()
    plan = make_plan(profile, gather_facts(profile, config))
    with pytest.raises(ProjectError, match="2 heads") as error:
        build(plan, report=SilentReport(sys.stdout, False), read_graph=two_heads)
    assert error.value.now == "nothing was built; there is no _build/prod/rel/tiny"
    assert sorted(path.name for path in (project / "_build/prod").iterdir()) == [".lock"]


def test_two_lines_of_revisions_in_one_version_table_end_the_build(project: Path) -> None:
    config = project / "rel/config.toml"
    config.write_text(f"{config.read_text()}\n[release.tiny.migrations.ledger]\n[release.tiny.migrations.audit]\n")
    with pytest.raises(ProjectError, match="two databases would be taken for one") as error:
        build_here(project, "prod", ReadGraph())
    (problem,) = error.value.problems
    assert problem.what == "ledger and audit keep their versions in the table alembic_version of one url"
