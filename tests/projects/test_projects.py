"""Projects as people have them are locked, built by the installed command, and started.

Dependencies come from the package registry, in the versions of the day, by way of the caches that uv has. A machine
that reaches no registry skips these tests; CI may not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uv
from support.builds import files_in, releaser
from support.built import Site, release_in
from support.databases import Server, postgresql
from support.running import Release, ended
from support.tiny_project import make_tiny_project
from support.waiting import eventually

from releaser.build.tools.elf import elf_files

__all__ = ["postgresql"]

FOLDER = Path(__file__).parent
DJANGO_PAGE = FOLDER.parents[1] / "releaser/docs/how_to/django.md"
DJANGO_FOR_TESTS = """
sockets = { web = "127.0.0.1:${PORT}" }
readiness = { http = "http://127.0.0.1:${PORT}/health", timeout = "60s", interval = "50ms" }
"""
"""What the tests need besides the lines of the page, for its environment `prod`."""
EITHER = pytest.mark.parametrize("environment", ["prod", "closed"], ids=["with sources", "byte code only"])
_IGNORED = shutil.ignore_patterns("__pycache__", "_build", "*.egg-info", "build")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Copies of this folder's projects, locked and built; the second build of one finds what the first has kept."""

    folder: Path

    def project(self, name: str) -> Path:
        """Return the copy of a project, which is where it was at the build before."""
        project = self.folder / name / "project"
        if self._away(project).exists():
            return self._away(project).rename(project)
        shutil.copytree(FOLDER / name, project, ignore=_IGNORED)
        if name == "django_site":
            (project / "rel").mkdir()
            (project / "rel/config.toml").write_text(block_of(DJANGO_PAGE, "toml") + DJANGO_FOR_TESTS)
        if (project / "pyproject.toml").read_text().startswith("[tool.uv.workspace]"):
            _uv(project, "lock", "--python", sys.executable)
        else:
            words = ["pip", "compile", "--generate-hashes", "--universal", "--python", sys.executable]
            _uv(project, *words, "pyproject.toml", "-o", "requirements.txt")
        return project

    def built(self, name: str, environment: str, to: Path) -> Path:
        """Build a project, move its release into the folder `to` and the project out of its sight."""
        project = self.project(name)
        done = releaser(project, "build", "--env", environment)
        assert done.returncode == 0, done.stderr + done.stdout
        (folder,) = (project / "_build" / environment / "rel").iterdir()
        to.mkdir()
        project.rename(self._away(project))
        return Path(shutil.copytree(self._away(folder), to / folder.name, symlinks=True))

    def _away(self, path: Path) -> Path:
        names = list(path.relative_to(self.folder).parts)
        return self.folder.joinpath(names[0], "moved away", *names[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Gives a test releases in a folder of its own."""

    workshop: Workshop
    tmp_path: Path
    releases: list[Release] = field(default_factory=list)

    def release(self, name: str, environment: str = "prod", **env: str) -> Release:
        """Return a release of a project, to be started."""
        root = self.workshop.built(name, environment, self.tmp_path / "elsewhere")
        release = release_in(root, self.tmp_path / "scratch", **env)
        release.name = root.name
        self.releases.append(release)
        return release


@pytest.fixture(scope="session")
def workshop(registry: None, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(folder=tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def builder(workshop: Workshop, tmp_path: Path) -> Iterator[Builder]:
    builder = Builder(workshop=workshop, tmp_path=tmp_path)
    yield builder
    for release in builder.releases:
        with ended(release):
            pass


def _uv(folder: Path, *words: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def served_and_stopped(release: Release, path: str, **form: object) -> httpx.Response:
    """Start a web app, ask it for one page, stop it, and see that nothing is left; return the answer."""
    site = Site(release)
    running = release.foreground()
    if form:
        answer = httpx.post(site.url + path, json=form, trust_env=False)
    else:
        answer = httpx.get(site.url + path, trust_env=False)
    stopped = release.run("stop")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert running.wait() == 0, running.errors()
    assert "Traceback" not in running.errors()
    eventually(lambda: release.leftovers() == [])
    return answer


def printed(release: Release, *words: str) -> str:
    """Run a program of a release to its end, which must be in order, and return what it wrote."""
    running = release.foreground(*words, until="")
    assert running.wait() == 0, running.output() + running.errors()
    assert "Traceback" not in running.errors()
    eventually(lambda: release.leftovers() == [])
    return running.output()


def block_of(page: Path, language: str = "") -> str:
    """Return the first block of a page of the documentation that is in this language; none: a session in a terminal."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return next(text for name, text in blocks if name == language)


def sources_of(release: Release, package: str) -> list[str]:
    """Return the modules of a package that are in the unpacked bundle as sources."""
    (folder,) = release.var.rglob(f"site-packages/{package}")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))


def test_a_django_site_says_what_its_page_of_the_documentation_shows(builder: Builder, tmp_path: Path) -> None:
    release = builder.release("django_site", SECRET_KEY="of the test", DATABASE_URL=f"sqlite:///{tmp_path}/notes.db")
    shown = [re.sub(r"[\d.]+ s$", "", line) for line in block_of(DJANGO_PAGE).splitlines()]
    said: list[str] = []
    for line in shown:
        if line.startswith("$ bin/notes "):
            done = release.run(*line.split()[2:])
            assert done.returncode == 0, done.stderr
            said += [line, *(re.sub(r"[\d.]+ s$", "", each) for each in done.stdout.splitlines())]
    following = iter(said)
    assert [line for line in shown if line not in following] == [], said


def test_a_django_site_is_migrated_by_one_of_eight_and_serves_what_that_one_wrote(
    builder: Builder, postgresql: Server, tmp_path: Path
) -> None:
    server_url = postgresql.fresh_url().replace("+psycopg", "")
    release = builder.release("django_site", SECRET_KEY="of the test", DATABASE_URL=server_url)
    for url in (f"sqlite:///{tmp_path}/notes.db", server_url):
        environ = {**release.env, "DATABASE_URL": url}
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda _, environ=environ: release.run("migrate", env=environ), range(8)))
        assert [each.returncode for each in done] == [0] * 8, "".join(each.stderr for each in done)
        assert sum("Applying notes.0002_first_note... OK" in each.stdout for each in done) == 1
    assert release.run("migrate").stdout == "nothing to do: nothing is pending\n"
    answer = served_and_stopped(release, "/")
    assert (answer.status_code, answer.text) == (200, "<ul><li>milk &amp; bread</li></ul>\n")


@EITHER
def test_a_flask_app_serves_a_page_under_gunicorn(builder: Builder, environment: str) -> None:
    release = builder.release("flask_shop", environment)
    answer = served_and_stopped(release, "/tea%20pot")
    assert answer.text == '<h1>Tea Pot</h1><link rel="stylesheet" href="/static/shop.css">'
    assert bool(sources_of(release, "flask_shop")) == (environment == "prod")


@EITHER
def test_a_fastapi_app_checks_an_order_with_pydantic_and_has_the_libpq_of_psycopg(
    builder: Builder, environment: str
) -> None:
    release = builder.release("fastapi_orders", environment)
    answer = served_and_stopped(release, "/orders", item="TEA", count=2)
    assert (answer.status_code, answer.json()) == (200, {"item": "tea", "count": 2, "driver": "binary"})
    assert bool(sources_of(release, "orders")) == (environment == "prod")


def test_a_release_for_another_machine_holds_machine_code_of_that_machine_alone(
    workshop: Workshop, tmp_path: Path
) -> None:
    root = workshop.built("fastapi_orders", "arm", tmp_path / "elsewhere")
    with zipfile.ZipFile(next(root.glob("releases/*/orders.pyz"))) as archive:
        archive.extractall(tmp_path / "bundle")
    machines = {elf.path.name: elf.machine[0] for elf in elf_files(tmp_path / "bundle")}
    assert set(machines.values()) == {"EM_AARCH64"}
    assert any(name.startswith("_pydantic_core.") for name in machines)
    assert any(name.startswith("libpq-") for name in machines)


def test_a_celery_worker_does_what_it_is_sent(builder: Builder) -> None:
    release = builder.release("celery_worker")
    running = release.foreground()
    answer = release.run("eval", "import sums.tasks; print(sums.tasks.ask())")
    assert (answer.returncode, answer.stdout) == (0, "2 + 3 = 5\n"), answer.stderr
    assert release.run("stop").returncode == 0
    assert running.wait() == 0, running.errors()
    assert "Traceback" not in running.errors()
    eventually(lambda: release.leftovers() == [])


def test_a_command_line_tool_prints_and_ends(builder: Builder) -> None:
    release = builder.release("click_tool")
    assert printed(release, "--times", "2", "you") == "hello you\nhello you\n"
    assert printed(release, "--version") == "greet, version 1.0.0\n"


def test_two_distributions_share_a_namespace_and_come_from_a_uv_lock(builder: Builder) -> None:
    release = builder.release("namespace")
    assert printed(release) == "tea is 3.20, from 1 folder of acme\n"


def test_dev_mode_links_both_source_trees_of_a_namespace(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.project("namespace")
    done = releaser(project, "build", "--env", "dev")
    assert done.returncode == 0, done.stderr + done.stdout
    release = release_in(project / "_build" / "dev" / "rel" / "desk", tmp_path / "scratch")
    release.name = "desk"
    with ended(release):
        assert printed(release) == "tea is 3.20, from 2 folders of acme\n"
        prices = project / "libraries" / "prices" / "src" / "acme" / "prices" / "prices.csv"
        prices.write_text("tea,3.40\n")
        assert printed(release) == "tea is 3.40, from 2 folders of acme\n"


def test_a_hash_of_a_uv_lock_that_the_registry_does_not_have_is_refused(registry: None, tmp_path: Path) -> None:
    project = Workshop(folder=tmp_path).project("namespace")
    lock = project / "uv.lock"
    text = lock.read_text()
    assert "sha256:" in text
    lock.write_text(re.sub(r"sha256:\w{8}", "sha256:01234567", text))
    done = releaser(project, "build")
    assert done.returncode == 1
    assert "error: the dependencies could not be installed" in done.stderr
    assert "click" in done.stderr
    assert "now: nothing was built" in done.stderr
    assert not (project / "_build" / "prod" / "rel").exists()


@EITHER
def test_c_is_compiled_for_the_project_and_for_a_dependency(builder: Builder, environment: str) -> None:
    if shutil.which("gcc") is None:
        assert "CI" not in os.environ, "CI must have gcc"
        pytest.skip("there is no C compiler")
    release = builder.release("c_extension", environment)
    assert printed(release) == "168 primes &lt; 1000 markupsafe._speedups\n"
    (wheel,) = release.var.rglob("site-packages/markupsafe-*.dist-info/WHEEL")
    assert "-linux_" in wheel.read_text(), "the wheel is not one of this machine"


def test_machine_code_of_the_project_is_refused_in_dev_mode(workshop: Workshop) -> None:
    done = releaser(workshop.project("c_extension"), "build", "--env", "dev")
    assert done.returncode == 3
    assert "primes/_count." in done.stderr
    assert "is machine code, made by a build; dev_mode runs the sources as they stand" in done.stderr


def test_setuptools_leaves_nothing_in_the_project_that_a_later_wheel_would_hold(registry: None, tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    backend = 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    text = (project / "pyproject.toml").read_text()
    kept = text[text.index("\n[project]") :]
    (project / "pyproject.toml").write_text(f"[build-system]\n{backend}{kept}")
    (project / "src/tiny/gone.py").touch()
    for _ in range(2):
        before = set(files_in(project / "src"))
        done = releaser(project, "build")
        assert done.returncode == 0, done.stderr
        assert set(files_in(project / "src")) == before
        (project / "src/tiny/gone.py").unlink(missing_ok=True)
    assert not (project / "build").exists()
    with zipfile.ZipFile(project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz") as bundle:
        names = [name for name in bundle.namelist() if name.startswith("site-packages/tiny/")]
    assert "site-packages/tiny/app.py" in names
    assert "site-packages/tiny/gone.py" not in names


@EITHER
def test_data_files_and_plugins_of_its_own_are_found(builder: Builder, environment: str) -> None:
    release = builder.release("data_and_plugins", environment)
    title, *rest = printed(release).splitlines()
    assert title == "Cities 1.0.0"
    assert rest == ["loud:", "OSLO    717710", "TROMSØ   77992", "plain:", "Oslo    717710", "Tromsø   77992"]
    assert bool(sources_of(release, "report")) == (environment == "prod")


@pytest.mark.skipif(
    not {"CI", "RELEASER_ALL_TESTS"} & set(os.environ),
    reason="100 MB of dependencies: in CI or with RELEASER_ALL_TESTS",
)
def test_a_hundred_megabytes_of_dependencies_are_imported_and_used(builder: Builder) -> None:
    release = builder.release("large")
    assert printed(release) == "499500 s3\n"
