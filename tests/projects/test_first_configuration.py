"""`releaser init` in projects that the tools of others have begun: what it writes builds and starts without an edit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uv
from support.builds import clean_environment, releaser
from support.built import Site, release_in
from support.running import Release, ended

pytestmark = [
    pytest.mark.usefixtures("registry"),
    pytest.mark.skipif(
        not {"CI", "RELEASER_ALL_TESTS"} & set(os.environ),
        reason="whole builds with the interpreter: in CI or with RELEASER_ALL_TESTS",
    ),
]
HOSTS = 'ALLOWED_HOSTS = ["*"]'
STATIC = """
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
"""
PROJECT = '[project]\nname = "{name}"\nversion = "0.1.0"\nrequires-python = ">=3.11"\ndependencies = {dependencies}\n'


def uv_in(folder: Path, *words: str) -> None:
    """Run uv in a folder, which must work."""
    environ = clean_environment() | {"UV_PYTHON": sys.executable}
    done = subprocess.run(
        [uv.find_uv_bin(), *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def begun(project: Path, elsewhere: Path, *told: str) -> Iterator[Release]:
    """Lock and begin a project, unpack the archive of it elsewhere, and take the project away."""
    uv_in(project, "lock", "--quiet")
    written = releaser(project, "init")
    assert written.returncode == 0, written.stderr
    assert [line for line in told if line not in written.stdout.splitlines()] == [], written.stdout
    done = releaser(project, "build", "--env", "prod", "-q")
    assert done.returncode == 0, done.stderr + done.stdout
    (archive,) = (project / "_build" / "prod").glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(elsewhere, filter="fully_trusted")
    project.rename(project.with_name("moved away"))
    (root,) = elsewhere.iterdir()
    release = release_in(root, elsewhere.with_name("scratch"))
    release.name = root.name
    with ended(release):
        yield release


def test_a_django_project_with_an_app_of_its_own_serves_its_templates(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for words in (["startproject", "mysite", "."], ["startapp", "polls"]):
        uv_in(project, "tool", "run", "--quiet", "--from", "django", "django-admin", *words)
    page = project / "polls" / "templates" / "polls" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text("{% load static %}<p>{{ question }}? {% static 'polls/style.css' %}</p>")
    style = project / "polls" / "static" / "polls" / "style.css"
    style.parent.mkdir(parents=True)
    style.write_text("p { color: black }")
    settings = project / "mysite" / "settings.py"
    text = settings.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "polls",')
    settings.write_text(text.replace("DEBUG = True", "DEBUG = False").replace("ALLOWED_HOSTS = []", HOSTS) + STATIC)
    (project / "polls" / "views.py").write_text(
        "from django.shortcuts import render\n\n\ndef page(request):\n"
        '    return render(request, "polls/page.html", {"question": "Why"})\n'
    )
    (project / "mysite" / "urls.py").write_text(
        "from django.urls import path\n\nfrom polls.views import page\n\nurlpatterns = [path('', page)]\n"
    )
    (project / "pyproject.toml").write_text(PROJECT.format(name="mysite", dependencies='["django", "gunicorn"]'))

    with begun(project, tmp_path / "elsewhere", "  lock         uv.lock") as release:
        site = Site(release)
        running = release.foreground()
        assert re.fullmatch(r"<p>Why\? /static/polls/style\.[0-9a-f]+\.css</p>", site.page())
        assert list(release.var.glob("bundles/*/app/collected/polls/style.*.css"))
        assert [str(path.readlink()) for path in release.var.glob("bundles/*/app/*") if path.is_symlink()] == [
            "../../../shared/db.sqlite3"
        ]
        assert release.run("stop").returncode == 0
        assert running.wait() == 0, running.errors()


def test_a_celery_worker_starts_and_stops_in_order(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "tasks.py").write_text("from celery import Celery\n\napp = Celery('jobs', broker='memory://')\n")
    (project / "pyproject.toml").write_text(PROJECT.format(name="jobs", dependencies='["celery"]'))

    with begun(project, tmp_path / "elsewhere", "  runs         celery -A tasks worker") as release:
        running = release.foreground()
        assert release.run("stop").returncode == 0
        assert running.wait() == 0, running.errors()
        assert "Traceback" not in running.errors()
