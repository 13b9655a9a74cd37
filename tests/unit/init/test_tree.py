"""What the first configuration says of a project's files: whether they are the app, what is shared, which steps run."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.init.test_projects import make, profile_for

from releaser.cli.output.beginning import found_lines
from releaser.config.profile import Profile
from releaser.init.choices import choose
from releaser.init.findings import find

HATCH = '[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\n'
SERVED = {"shop/__init__.py": "", "shop/wsgi.py": "application = WSGIHandler()\n"}
SETTINGS = """\
import os
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_ROOT = BASE_DIR / "staticfiles"
MEDIA_ROOT = BASE_DIR / "media"
"""
MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n'


def steps_of(profile: Profile) -> list[tuple[str, str]]:
    return [(step.run[-1], step.when) for step in profile.steps]


@pytest.mark.parametrize("base", ["", "site/"])
def test_a_django_site_collects_its_static_files_and_shares_its_database_and_uploads(tmp_path: Path, base: str) -> None:
    files = {f"{base}manage.py": MANAGE, f"{base}mysite/settings.py": SETTINGS, f"{base}mysite/__init__.py": ""}
    wsgi = {f"{base}mysite/wsgi.py": "application = get_wsgi_application()\n"}
    make(tmp_path, {**files, **wsgi, "Procfile": "web: gunicorn mysite.wsgi\n"}, dependencies=("django", "gunicorn"))

    found = find(tmp_path)
    told = found_lines(found, choose(found))
    profile = profile_for(tmp_path)

    assert told[told.index(f"  build step   python {base}manage.py collectstatic --noinput") + 1 :][:1] == [
        "               from STATIC_ROOT in the settings"
    ]
    assert f"  shared       {base}media, {base}db.sqlite3: kept across versions" in told
    assert steps_of(profile) == [(f"python {base}manage.py collectstatic --noinput", "after")]
    assert profile.steps[0].env == {"SECRET_KEY": "only-for-the-build"}
    assert profile.shared == (f"{base}media", f"{base}db.sqlite3")
    assert profile.layout == ""


def test_settings_beside_the_wheel_make_the_folder_the_app(tmp_path: Path) -> None:
    beside = {"manage.py": MANAGE, "mysite/settings.py": "DEBUG = False\n", "mysite/wsgi.py": ""}
    web = {"Procfile": "web: gunicorn mysite.wsgi:application\n"}
    only_shop = f'{HATCH}[tool.hatch.build.targets.wheel]\npackages = ["shop"]\n'
    make(tmp_path / "one", {**SERVED, **beside, **web}, dependencies=("django", "gunicorn"), more=only_shop)
    make(tmp_path / "both", {**SERVED, **beside, **web}, dependencies=("django", "gunicorn"),
         more=only_shop.replace('["shop"]', '["shop", "mysite"]'))  # fmt: skip

    found = find(tmp_path / "one")
    told = "  layout       folder: what runs lies beside the project's wheel"
    assert told in found_lines(found, choose(found))
    assert profile_for(tmp_path / "one").layout == "folder"
    assert profile_for(tmp_path / "both").layout == ""


def test_code_that_names_files_beside_its_package_has_the_tree_along(tmp_path: Path) -> None:
    code = 'HERE = Path(__file__).parent.parent\ntext = (HERE / "config.yml").read_text()\ndef main(): ...\n'
    files = {"shop/__init__.py": code, "config.yml": "", "other.yml": ""}
    packages = f'{HATCH}[tool.hatch.build.targets.wheel]\npackages = ["shop"]\n'
    more = f'{packages}[project.scripts]\nshop = "shop:main"\n'
    make(tmp_path / "reads", files, more=more)
    make(tmp_path / "reads not", {**files, "shop/__init__.py": "def main(): ...\n"}, more=more)

    assert profile_for(tmp_path / "reads").include_tree
    assert not profile_for(tmp_path / "reads not").include_tree


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"package.json": '{"scripts": {"build": "vite"}}', "package-lock.json": ""}, "npm ci && npm run build"),
        ({"package.json": '{"scripts": {"build": "vite"}}'}, "npm install && npm run build"),
        (
            {"package.json": '{"scripts": {"build": "v"}}', "yarn.lock": ""},
            "yarn install --frozen-lockfile && yarn run build",
        ),
        ({"package.json": '{"scripts": {"test": "v"}}'}, ""),
        ({"package.json": "no json"}, ""),
    ],
)  # fmt: skip
def test_a_front_end_is_built_before_the_dependencies_are_there(
    tmp_path: Path, files: dict[str, str], expected: str
) -> None:
    make(tmp_path, {"shop.py": "def main(): ...\n", **files})
    assert steps_of(profile_for(tmp_path)) == ([(expected, "before")] if expected else [])


def test_translations_are_compiled_where_they_lie(tmp_path: Path) -> None:
    files = {"shop.py": "def main(): ...\n", "app/translations/de/LC_MESSAGES/messages.po": ""}
    make(tmp_path, files, dependencies=("flask-babel",))
    assert steps_of(profile_for(tmp_path)) == [("pybabel compile -d app/translations", "after")]


def test_volumes_beat_and_databases_of_urls_are_shared(tmp_path: Path) -> None:
    files = {
        "app.py": 'URL = "sqlite:///./data/app.db"\ndef main(): ...\n',
        "Dockerfile": "FROM python\nWORKDIR /srv\nVOLUME /srv/uploads /var/lib/x\n",
        "Procfile": "beat: celery -A app beat\nweb: celery -A app worker\n",
    }
    make(tmp_path, files, dependencies=("celery",))
    assert profile_for(tmp_path).shared == ("data/app.db", "uploads/", "celerybeat-schedule")
