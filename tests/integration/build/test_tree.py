"""The project's files as they lie: what of them is in a release, and that every process of the bundle works there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.builds import built, manifest_of, releaser
from support.tiny_project import make_tiny_project

WHERE = "import os\n\n\ndef where():\n    return os.getcwd()\n"
APP = """\
import os
import pathlib
import subprocess
import sys

import helper

HERE = pathlib.Path(__file__).parent


def main():
    child = [sys.executable, "-c", "import helper; print(helper.__file__)"]
    print("working in", os.getcwd())
    print("beside", (HERE / "VERSION.txt").read_text(), pathlib.Path("templates/page.html").read_text())
    print("child", subprocess.run(child, cwd="/", capture_output=True, text=True, check=True).stdout)
    print("page", (HERE / "pages/one.py").exists(), "first", sys.path[0])
    print("words", sys.argv[1:], os.environ["UPLOADS"])


if __name__ == "__main__":
    main()
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def git(folder: Path, *words: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    user = ("-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *user, *words], check=True, capture_output=True, env=environ)


def members(release: Path, version: str = "1.0.0") -> set[str]:
    """Return the files of the tree in the bundle, without byte code."""
    with zipfile.ZipFile(release / "releases" / version / f"{release.name}.pyz") as archive:
        names = archive.namelist()
    prefix = "site-packages-app/"
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix) and not name.endswith(".pyc")}


def run(release: Path, *words: str, cwd: str = "/", **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [release / "bin" / release.name, *words],
        cwd=cwd,
        env={**os.environ, "RELEASE_PYTHON": sys.executable, **changes},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder of scripts in a git repository: no file says that it is a project."""
    project = write(
        tmp_path / "tiny",
        {
            "app.py": APP,
            "helper.py": WHERE,
            "pages/one.py": "",
            "templates/page.html": "<p>page</p>",
            "VERSION.txt": "version 7",
            ".streamlit/config.toml": "[server]\n",
            "notes.txt": "not for a release",
            ".env": "PASSWORD=1\n",
            ".gitignore": "*.log\n/local/\n",
            "old.log": "",
            "local/x": "",
            "kept.log": "",
            "new.txt": "untracked, not ignored",
            "node_modules/x/index.js": "",
            "rel/config.toml": (
                '[release.tiny]\nversion = "1.0.0"\ncommand = ["python", "app.py", "${RELEASE_VERSION}"]\n'
                'exclude = ["notes.*"]\nenv = { UPLOADS = "${RELEASE_VAR}/uploads" }\n[environment.prod]\n'
            ),
        },
    )
    (project / "templates/link.html").symlink_to("page.html")
    (project / "templates/gone.html").symlink_to("nowhere.html")
    git(tmp_path, "init", "-q", str(project))
    git(project, "add", "-f", "kept.log", "app.py", "templates", ".gitignore")
    return project


def test_a_folder_of_scripts_is_released_as_it_lies_and_works_in_its_own_tree(scripts: Path) -> None:
    done = releaser(scripts, "build")
    assert done.returncode == 0, done.stderr
    release = scripts / "_build/prod/rel/tiny"

    assert members(release) == {
        *("app.py", "helper.py", "pages/one.py", "templates/page.html", "templates/link.html", "VERSION.txt"),
        *(".streamlit/config.toml", ".gitignore", "kept.log", "new.txt"),
    }
    assert ".env: left out: a release is copied" in done.stdout + done.stderr
    assert "neither files nor links to any: templates/gone.html" in done.stdout + done.stderr
    shown = run(release, "foreground")
    tree = release / "var/bundles" / manifest_of(release)["bundle"]["id"] / "app"
    assert f"working in {tree}\n" in shown.stdout
    assert "beside version 7 <p>page</p>\n" in shown.stdout
    assert f"child {tree}/helper.py\n" in shown.stdout
    assert f"page True first {tree}\n" in shown.stdout
    assert f"words ['1.0.0'] {release}/var/uploads\n" in shown.stdout
    assert run(release, "verify").returncode == 0
    (tree / "helper.py").write_text("changed = True\n")
    assert "app/helper.py: changed" in run(release, "verify").stderr


def test_the_bundle_runs_on_its_own_with_its_tree(scripts: Path, tmp_path: Path) -> None:
    release = built(scripts)
    done = subprocess.run(
        [sys.executable, release / "releases/1.0.0/tiny.pyz"],
        cwd=tmp_path,
        env={**os.environ, "SHIV_ROOT": str(tmp_path / "shiv"), "UPLOADS": "", "RELEASE_VERSION": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "beside version 7 <p>page</p>\n" in done.stdout, done.stderr


def test_in_dev_mode_the_tree_is_the_folder_itself(scripts: Path) -> None:
    with (scripts / "rel/config.toml").open("a") as file:
        file.write("[environment.dev]\ndev_mode = true\n")
    done = releaser(scripts, "build", "--env", "dev")
    assert done.returncode == 0, done.stderr
    release = scripts / "_build/dev/rel/tiny"
    (scripts / "VERSION.txt").write_text("version 8")

    shown = run(release, "foreground")

    assert f"working in {scripts}\n" in shown.stdout
    assert "beside version 8" in shown.stdout
    assert f"child {scripts}/helper.py\n" in shown.stdout


def test_a_tree_without_git_obeys_its_gitignore_as_well(scripts: Path) -> None:
    (scripts / ".git").rename(scripts.parent / "aside")
    assert members(built(scripts)) == {
        *("app.py", "helper.py", "pages/one.py", "templates/page.html", "templates/link.html", "VERSION.txt"),
        *(".streamlit/config.toml", ".gitignore", "new.txt"),
    }


def test_two_builds_of_one_tree_are_the_same_and_a_changed_file_of_it_is_another_bundle(scripts: Path) -> None:
    first = manifest_of(built(scripts))["bundle"]["id"]
    archive = (scripts / "_build/prod/tiny-1.0.0.tar.gz").read_bytes()
    assert manifest_of(built(scripts, "--force"))["bundle"]["id"] == first
    assert (scripts / "_build/prod/tiny-1.0.0.tar.gz").read_bytes() == archive
    (scripts / "VERSION.txt").write_text("version 9")
    assert manifest_of(built(scripts))["bundle"]["id"] != first


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with files and settings beside it."""
    project = make_tiny_project(tmp_path / "project")
    write(
        project, {"src/tiny/where.py": WHERE, "config.yml": "a: 1\n", "templates/a.html": "", "settings.py": "A = 1\n"}
    )
    return project


def with_settings(project: Path, settings: str) -> Path:
    text = (project / "rel/config.toml").read_text()
    (project / "rel/config.toml").write_text(text.replace("[release.tiny]\n", f"[release.tiny]\n{settings}\n", 1))
    return project


def test_beside_a_package_go_the_files_that_are_named_or_all_of_them(package: Path) -> None:
    assert members(built(package)) == set()
    with_settings(package, 'files = ["config.yml", "templates/"]')
    assert members(built(package)) == {"config.yml", "templates/a.html"}
    text = (package / "rel/config.toml").read_text().replace("files = [", "include_tree = true\nexclude = [")
    (package / "rel/config.toml").write_text(text)
    found = members(built(package))
    assert {"settings.py", "src/tiny/where.py", "pyproject.toml"} <= found
    assert not {"config.yml", "templates/a.html", "rel/config.toml"} & found


def test_a_file_that_is_named_and_not_there_is_told_by_its_place(package: Path) -> None:
    done = releaser(with_settings(package, 'files = ["config.yml", "confg.toml"]'), "build")
    assert done.returncode == 3
    assert "rel/config.toml:5:24: release.tiny.files: 'confg.toml' matches no file of the project" in done.stderr


def test_a_package_whose_wheel_is_not_the_app_is_released_as_its_folder_lies(package: Path) -> None:
    text = (package / "rel/config.toml").read_text().replace("tiny.app:main", "settings:main", 1)
    (package / "rel/config.toml").write_text(text)
    (package / "settings.py").write_text("def main():\n    print('settings of', __file__)\n")
    refused = releaser(package, "build")
    assert refused.returncode == 3
    assert "there is no module 'settings' in the bundle" in refused.stderr
    assert 'layout = "folder"' in refused.stderr

    release = built(with_settings(package, 'layout = "folder"'))

    assert "/app/settings.py\n" in run(release, "foreground").stdout


def test_settings_that_the_bundle_cannot_import_are_refused(package: Path) -> None:
    done = releaser(with_settings(package, 'env = { DJANGO_SETTINGS_MODULE = "mysite.settings" }'), "build")
    assert done.returncode == 3
    assert "env.DJANGO_SETTINGS_MODULE: there is no module 'mysite' in the bundle" in done.stderr.replace(
        "mysite.settings", "mysite"
    )


def test_what_is_shared_is_kept_across_versions(scripts: Path) -> None:
    with_settings(scripts, 'shared = ["media", "db.sqlite3", "celerybeat-schedule"]')
    write(scripts, {"media/first.txt": "seed"})
    git(scripts, "add", "media")
    release = built(scripts)
    assert run(release, "eval", "open('media/up.txt', 'w').write('1')").returncode == 0
    made = "import sqlite3; c = sqlite3.connect('db.sqlite3'); c.execute('create table t (x)'); c.commit()"
    assert run(release, "eval", made).returncode == 0
    assert run(release, "verify").returncode == 0
    config = scripts / "rel/config.toml"
    config.write_text(config.read_text().replace("1.0.0", "1.1.0"))
    (scripts / "VERSION.txt").write_text("version 9")
    built(scripts)

    listed = run(release, "eval", "sorted(__import__('os').listdir('media'))")

    assert listed.stdout == '["first.txt", "up.txt"]\n', listed.stderr
    assert sorted(path.name for path in (release / "var/shared").iterdir()) == ["db.sqlite3", "media"]
    assert sqlite3.connect(release / "var/shared/db.sqlite3").execute("select count(*) from t").fetchall() == [(0,)]
    link = release / "var/bundles" / manifest_of(release, "1.1.0")["bundle"]["id"] / "app/celerybeat-schedule"
    assert str(link.readlink()) == "../../../shared/celerybeat-schedule"


def test_every_process_of_the_bundle_works_in_the_folder_that_is_named(package: Path) -> None:
    (package / "rel/seed").write_text("#!/bin/sh\npwd\n")
    (package / "rel/seed").chmod(0o755)
    with_settings(package, 'files = ["templates"]\ncommands = { seed = "rel/seed" }')
    release = built(package)
    tree = str(release / "var/bundles" / manifest_of(release)["bundle"]["id"] / "app")
    assert run(release, "seed").stdout == f"{tree}\n"
    assert run(release, "eval", "tiny.where:where").stdout == f"{tree}\n"

    with_settings(package, 'working_directory = "${RELEASE_VAR}/work"')
    release = built(package)
    missing = run(release, "eval", "tiny.where:where")
    assert missing.returncode == 3
    assert f"cannot work in {release}/var/work: no such file or directory" in missing.stderr
    refused = run(release, "foreground")
    assert refused.returncode == 1
    assert f"its working folder {release}/var/work is not there" in refused.stderr
    (release / "var/work").mkdir(parents=True)
    assert run(release, "eval", "tiny.where:where").stdout == f"{release}/var/work\n"
    assert run(release, "seed").stdout == f"{release}/var/work\n"


def test_without_a_tree_it_is_the_root_of_the_release_and_never_the_callers(package: Path, tmp_path: Path) -> None:
    release = built(package)
    assert run(release, "eval", "tiny.where:where", cwd=str(tmp_path)).stdout == f"{release}\n"


def test_a_database_that_git_does_not_track_stays_here(scripts: Path) -> None:
    for name in ("dev.sqlite3", "places.db"):
        with sqlite3.connect(scripts / name) as connection:
            connection.execute("create table t (x)")
    git(scripts, "add", "places.db")
    done = releaser(scripts, "build")
    assert "dev.sqlite3: left out: a database that git does not track" in done.stdout + done.stderr
    assert "places.db: a database goes into the release" in done.stdout + done.stderr
    found = members(scripts / "_build/prod/rel/tiny")
    assert "places.db" in found
    assert "dev.sqlite3" not in found
