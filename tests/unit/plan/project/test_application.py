"""Which projects are applications that no build backend packs, and which of their files are the app?"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from releaser.plan.project.application import application_files, is_application, sources_root

PLAIN = '[project]\nname = "shop"\nversion = "1.0"\n'
BACKEND = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


def make(folder: Path, *names: str, pyproject: str = PLAIN) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "pyproject.toml").write_text(pyproject)
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAIN, True),
        (f"{PLAIN}[tool.uv]\ndev-dependencies = []\n", True),
        (f"{PLAIN}{BACKEND}", False),
        (f"{PLAIN}{BACKEND}[tool.uv]\npackage = false\n", True),
        (f"{PLAIN}[tool.uv]\npackage = true\n", False),
        (f"{PLAIN}{BACKEND}[tool.poetry]\npackage-mode = false\n", True),
        (f"{PLAIN}[tool.pdm]\ndistribution = false\n", True),
        (f"{PLAIN}{BACKEND}[tool.pdm]\ndistribution = true\n", False),
        (f"{PLAIN}[tool.setuptools]\npackages = ['shop']\n", False),
        ('[project]\nname = "shop"\ndynamic = ["version"]\n', False),
    ],
)
def test_a_project_without_a_build_backend_is_an_application(tmp_path: Path, text: str, expected: bool) -> None:
    assert is_application(tmp_path, tomllib.loads(text)) is expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("setup.py", "", False),
        ("setup.cfg", "[options]\npackages = find:\n", False),
        ("setup.cfg", "[flake8]\nmax-line-length = 100\n", True),
        ("setup.cfg", "no configuration", True),
    ],
)
def test_what_setuptools_is_told_in_other_files_is_left_to_it(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    (tmp_path / name).write_text(text)
    assert is_application(tmp_path, tomllib.loads(PLAIN)) is expected


def test_modules_packages_and_the_folders_beside_them_are_the_app(tmp_path: Path) -> None:
    project = make(
        tmp_path,
        *(
            "manage.py",
            "site/settings.py",
            "polls/models.py",
            "polls/templates/polls/index.html",
            "templates/base.html",
        ),
        *("polls/tests/test_models.py", "polls/__pycache__/models.cpython-311.pyc", "polls/.cache", "static/a/b.css"),
        *("tests/test_all.py", "docs/index.md", ".env", ".venv/pyvenv.cfg", "env/pyvenv.cfg", "env/lib/x.py"),
        *("setup.py", "conftest.py", "my-tool.py", "README.md", "requirements.txt", "shop.egg-info/PKG-INFO"),
        *("alembic/env.py", "alembic/script.py.mako", "node_modules/x/y.js", "rel/config.toml", "out/x/shop.pyz"),
        *("packages/api/pyproject.toml", "packages/api/src/api.py"),
    )

    found = application_files(project, [project / "out"])

    assert sorted(found) == [
        "manage.py",
        "polls/models.py",
        "polls/templates/polls/index.html",
        "polls/tests/test_models.py",
        "site/settings.py",
        "static/a/b.css",
        "templates/base.html",
    ]
    assert found["polls/models.py"] == project / "polls/models.py"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("app.py",), "."),
        (("src/shop/__init__.py", "app.py"), "src"),
        (("src/__init__.py", "app.py"), "."),
        (("shop/manage.py", "shop/shop/settings.py"), "shop"),
        (("one/manage.py", "two/manage.py"), "."),
        (("manage.py", "other/manage.py"), "."),
        (("docs/manage.py", "app.py"), "."),
    ],
)
def test_modules_are_imported_from_src_from_where_manage_py_is_or_from_the_folder_itself(
    tmp_path: Path, names: tuple[str, ...], expected: str
) -> None:
    assert sources_root(make(tmp_path, *names)) == tmp_path / expected


def test_a_folder_src_that_is_imported_by_that_name_is_a_package(tmp_path: Path) -> None:
    project = make(tmp_path, "src/api/routes.py", "main.py")
    (project / "main.py").write_text("import os\nfrom src.api import routes\n")

    assert sorted(application_files(project)) == ["main.py", "src/api/routes.py"]
