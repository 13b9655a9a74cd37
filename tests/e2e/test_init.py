"""`releaser init` in a project that knows nothing of releaser: what it writes builds and starts without an edit."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from support.builds import built, releaser
from support.built import REPOSITORY, Site, release_in
from support.running import ended
from support.tiny_project import make_tiny_project


def test_a_plain_project_is_built_for_both_environments_and_starts(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    shutil.rmtree(project / "rel")

    done = releaser(project, "init")

    assert done.returncode == 0, done.stderr
    assert "runs         tiny.app:main" in done.stdout
    assert "wrote rel/config.toml" in done.stdout
    for environment in ("dev", "prod"):
        root = built(project, "--env", environment)
        release = release_in(root, tmp_path / environment)
        release.name = "tiny"
        with ended(release):
            running = release.foreground("to", "all", until="")
            assert running.wait() == 0, running.errors()
            assert "tiny says hello to all" in running.output()
    assert any(root.glob("python-3.*"))


def test_a_single_module_that_setuptools_finds_by_itself_is_still_found_beside_rel(tmp_path: Path) -> None:
    project = tmp_path / "notes"
    project.mkdir()
    backend = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    (project / "pyproject.toml").write_text(f'{backend}[project]\nname = "notes"\nversion = "0.3.0"\n')
    (project / "notes.py").write_text('def main():\n    print("notes of today")\n')
    assert releaser(project, "init").returncode == 0
    prod = (project / "rel" / "config.toml").read_text().replace("include_python = true", "include_python = false")
    (project / "rel" / "config.toml").write_text(prod)

    done = releaser(project, "build", "--env", "prod")

    assert done.returncode == 0, done.stderr + done.stdout
    assert sorted(path.name for path in project.iterdir()) == ["_build", "notes.py", "pyproject.toml", "rel"]
    release = release_in(project / "_build" / "prod" / "rel" / "notes", tmp_path / "scratch")
    release.name = "notes"
    with ended(release):
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        assert "notes of today" in running.output()


def test_an_application_of_several_packages_is_bundled_as_it_lies_in_its_folder(tmp_path: Path) -> None:
    project = tmp_path / "shop"
    files = {
        "pyproject.toml": '[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n',
        "main.py": (
            "from pathlib import Path\n\nimport orders.model\n\n\ndef show():\n"
            '    page = Path(__file__).parent / "templates" / "page.txt"\n'
            "    print(page.read_text(), orders.model.COUNT)\n\n\n"
            'if __name__ == "__main__":\n    show()\n'
        ),
        "orders/model.py": "from users import NAME\n\nCOUNT = len(NAME)\n",
        "users/__init__.py": "NAME = 'Ada'\n",
        "templates/page.txt": "orders:",
        "tests/test_orders.py": "",
        ".env": "SECRET=1\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    done = releaser(tmp_path, "init", "shop")

    assert done.returncode == 0, done.stderr
    assert "  runs         python -m main\n" in done.stdout
    config = project / "rel" / "config.toml"
    config.write_text(config.read_text().replace("include_python = true", "include_python = false"))
    for environment in ("dev", "prod"):
        building = releaser(project, "build", "--env", environment)
        assert building.returncode == 0, building.stderr + building.stdout
    assert "nothing has changed" in releaser(project, "build", "--env", "prod").stdout
    root = project / "_build" / "dev" / "rel" / "shop"
    assert "orders: 3" in printed(root, tmp_path / "linked").splitlines()
    root = (project / "_build" / "prod" / "rel" / "shop").rename(tmp_path / "elsewhere")
    (project / "templates" / "page.txt").unlink()
    assert "orders: 3" in printed(root, tmp_path / "moved").splitlines()
    (bundled,) = root.rglob("app/templates")
    assert {path.name for path in bundled.parent.iterdir()} >= {"main.py", "orders", "templates", "users", "tests"}
    assert not (bundled.parent / ".env").exists()


def printed(root: Path, scratch: Path) -> str:
    """Return what the program of the release `shop` writes until it ends by itself."""
    release = release_in(root, scratch)
    release.name = "shop"
    with ended(release):
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        return running.output()


def test_a_web_app_with_migrations_starts_migrated_and_serves(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "_build", ".venv*", "*.sqlite3*", "rel")
    project = tmp_path / "guestbook"
    shutil.copytree(REPOSITORY / "examples" / "guestbook", project, ignore=ignored)

    assert releaser(tmp_path, "init", "guestbook").returncode == 0
    assert releaser(project, "build").returncode == 0

    release = release_in(project / "_build" / "dev" / "rel" / "guestbook", tmp_path / "scratch")
    release.name = "guestbook"
    with ended(release):
        site = Site(release)
        started = release.run("start")
        assert started.returncode == 0, started.stderr
        site.sign("Ada", "good day")
        assert "good day" in site.page()
        log = release.run("logs").stdout
        assert "applied 4 revisions" in log
        assert "guestbook 1.0.0 is ready (dev, pid " in log
        assert release.run("stop").returncode == 0


def test_a_procfile_with_several_processes_starts_as_it_stands(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    shutil.rmtree(project / "rel")
    files = {
        "Procfile": "web: python -m tiny.web\nworker: python -m tiny.work 7\nrelease: tiny the tables\n",
        "Dockerfile": "FROM scratch\nENV TINY_WORD='as in the image'\n",
        "src/tiny/web.py": (
            "import os, threading\nprint('serves', os.environ['TINY_WORD'], flush=True)\nthreading.Event().wait()\n"
        ),
        "src/tiny/work.py": (
            "import sys, threading\nprint('works', sys.argv[1:], flush=True)\nthreading.Event().wait()\n"
        ),
    }
    for name, text in files.items():
        (project / name).write_text(text)

    done = releaser(project, "init")

    assert done.returncode == 0, done.stderr
    assert "  beside it    worker: python -m tiny.work 7\n" in done.stdout
    root = built(project, "--env", "dev")
    release = release_in(root, tmp_path / "scratch")
    release.name = "tiny"
    with ended(release):
        running = release.foreground()
        running.says("works ['7']")
        running.says("serves as in the image")
        assert "[pre_start 20-pre_start] tiny says hello the tables" in running.output()
        assert release.run("stop").returncode == 0
        assert running.wait() == 0


def test_the_hooks_are_clean_shell(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    shutil.rmtree(project / "rel")
    (project / "Procfile").write_text("web: python -m tiny.app\nrelease: tiny 'the tables' \"it's\"\n")
    assert releaser(project, "init").returncode == 0

    hooks = sorted((project / "rel" / "hooks").iterdir())

    answer = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", "--shell=sh", *hooks], capture_output=True, text=True, check=False
    )

    assert [hook.name for hook in hooks] == ["post_start", "pre_start"]
    assert answer.stdout == ""


def test_a_configuration_that_is_there_grows_and_the_diff_is_shown(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    config = project / "rel" / "config.toml"
    text = '# ours\n[release.tiny]\nentry_point = "tiny.app:main"  # the one\n'
    config.write_text(text)

    dry = releaser(project, "init", "--dry-run")
    unchanged = config.read_text()
    done = releaser(project, "init")

    assert unchanged == text
    assert "would change rel/config.toml" in dry.stdout
    assert "+[environment.dev]" in done.stdout
    assert "# ours\n" in config.read_text()
    assert '"tiny.app:main"  # the one\n' in config.read_text()
    assert releaser(project, "plan").returncode == 0
    assert "nothing to add" in releaser(project, "init").stdout


def test_what_is_no_project_is_told_so(tmp_path: Path) -> None:
    done = releaser(tmp_path, "init")

    assert done.returncode == 3
    assert "there is no project in this folder: no file in it is Python" in done.stderr
    assert "now: nothing was written" in done.stderr
    assert list(tmp_path.iterdir()) == []
