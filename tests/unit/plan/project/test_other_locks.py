"""Locks of Poetry, PDM, Pipenv and uv: which of their packages a project gets, and how each is pinned."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from support.locks import LINUX, lock_in

from releaser.plan.project.locks.finding import LockUnusable
from releaser.plan.project.locks.lines import PYPI
from releaser.plan.project.locks.uv import indexes_of

COMMIT = "0123456789" * 4
PYPROJECT = """\
[project]
name = "shop"
dependencies = ["web[fast]>=1", "old ; python_version < '3'", "forked", "kept"]
[project.optional-dependencies]
server = ["gunicorn"]
[dependency-groups]
worker = [{ include-group = "queue" }]
queue = ["celery"]
"""
POETRY = f"""\
[[package]]
name = "Web"
version = "1.2"
files = [{{file = "web.whl", hash = "sha256:bb"}}, {{file = "web.tar.gz", hash = "sha256:aa"}}]
[package.dependencies]
deep = [
    {{version = "^1.0", markers = "python_version < '3.10'"}},
    {{version = "^2.0", markers = "python_version >= '3.10'"}},
]
speed = {{version = "*", optional = true, markers = "extra == 'fast'"}}
unused = {{version = "*", optional = true, markers = "extra == 'slow'"}}
[package.extras]
fast = ["speed"]
slow = ["unused"]
[[package]]
name = "deep"
version = "1.5"
files = [{{file = "d1", hash = "sha256:d1"}}]
[[package]]
name = "deep"
version = "2.5"
files = [{{file = "d2", hash = "sha256:d2"}}]
[[package]]
name = "speed"
version = "1.0"
files = [{{file = "s", hash = "sha256:cc"}}]
[package.source]
type = "legacy"
url = "https://packages.example/simple"
reference = "inner"
[[package]]
name = "unused"
version = "1.0"
files = []
[[package]]
name = "forked"
version = "1.0"
files = []
[package.source]
type = "git"
url = "https://git.example/forked.git"
reference = "main"
resolved_reference = "{COMMIT}"
[[package]]
name = "kept"
version = "1.0"
files = []
[package.source]
type = "directory"
url = "../kept"
[[package]]
name = "gunicorn"
version = "23.0"
files = [{{file = "g", hash = "sha256:ee"}}]
[[package]]
name = "celery"
version = "5.0"
files = [{{file = "c", hash = "sha256:ff"}}]
"""


def project(folder: Path, **files: str) -> Path:
    for name, text in {"pyproject.toml": PYPROJECT, **files}.items():
        (folder / name).write_text(text)
    return folder


def lines_of(folder: Path, **chosen: tuple[str, ...]) -> dict[str, str]:
    data = tomllib.loads((folder / "pyproject.toml").read_text())
    lock = lock_in(folder, project=data, **chosen)
    assert lock is not None
    return {package.name: package.line for package in lock.packages}


def test_a_poetry_lock_gives_what_the_project_leads_to_with_hashes_commits_and_folders(tmp_path: Path) -> None:
    found = lines_of(project(tmp_path, **{"poetry.lock": POETRY}))
    assert found == {
        "deep": "deep==2.5 --hash=sha256:d2",
        "forked": f"forked @ git+https://git.example/forked.git@{COMMIT}",
        "kept": (tmp_path.parent / "kept").as_uri(),
        "speed": "speed==1.0 --hash=sha256:cc",
        "web": "web==1.2 --hash=sha256:aa --hash=sha256:bb",
    }
    lock = lock_in(tmp_path, project=tomllib.loads(PYPROJECT))
    assert lock is not None
    assert {package.name: package.index for package in lock.packages if package.index} == {
        "speed": "inner=https://packages.example/simple"
    }


def test_extras_and_groups_are_followed_when_they_are_named(tmp_path: Path) -> None:
    folder = project(tmp_path, **{"poetry.lock": POETRY})
    found = lines_of(folder, extras=("server",), groups=("worker",))
    assert {"gunicorn", "celery"} <= set(found)
    assert not {"gunicorn", "celery"} & set(lines_of(folder))


def test_a_lock_of_poetrys_first_format_has_its_hashes_at_the_end(tmp_path: Path) -> None:
    pyproject = (
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\npython = "^3.11"\nweb = "^1.0"\n'
        'extra-only = { version = "*", optional = true }\n[tool.poetry.extras]\nfast = ["extra-only"]\n'
    )
    lock = (
        '[[package]]\nname = "web"\nversion = "1.0"\n[[package]]\nname = "extra-only"\nversion = "2.0"\n'
        '[metadata.files]\nweb = [{ file = "w", hash = "sha256:aa" }]\n'
        'extra-only = [{ file = "e", hash = "sha256:bb" }]\n'
    )
    folder = project(tmp_path, **{"pyproject.toml": pyproject, "poetry.lock": lock})
    assert lines_of(folder) == {"web": "web==1.0 --hash=sha256:aa"}
    assert set(lines_of(folder, extras=("fast",))) == {"web", "extra-only"}


PDM = f"""\
[metadata]
groups = ["default", "server", "worker"]
[[package]]
name = "web"
version = "1.2"
groups = ["default"]
dependencies = ["deep>=1"]
files = [{{url = "https://packages.example/files/web.whl", hash = "sha256:aa"}}]
[[package]]
name = "web"
version = "1.2"
extras = ["fast"]
groups = ["default"]
dependencies = ["speed", "web==1.2"]
files = [{{url = "https://packages.example/files/web.whl", hash = "sha256:aa"}}]
[[package]]
name = "deep"
version = "1.0"
groups = ["default"]
files = [{{file = "d", hash = "sha256:dd"}}]
[[package]]
name = "speed"
version = "1.0"
groups = ["default"]
files = [{{file = "s", hash = "sha256:cc"}}]
[[package]]
name = "forked"
version = "1.0"
git = "https://git.example/forked.git"
revision = "{COMMIT}"
groups = ["default"]
[[package]]
name = "kept"
version = "1.0"
path = "./vendor/kept"
groups = ["default"]
[[package]]
name = "gunicorn"
version = "23.0"
groups = ["server"]
files = [{{file = "g", hash = "sha256:ee"}}]
[[package]]
name = "celery"
version = "5.0"
groups = ["worker"]
files = [{{file = "c", hash = "sha256:ff"}}]
"""


def test_a_pdm_lock_gives_the_same_with_the_extras_of_packages(tmp_path: Path) -> None:
    folder = project(tmp_path, **{"pdm.lock": PDM})
    assert lines_of(folder) == {
        "deep": "deep==1.0 --hash=sha256:dd",
        "forked": f"forked @ git+https://git.example/forked.git@{COMMIT}",
        "kept": (tmp_path / "vendor/kept").as_uri(),
        "speed": "speed==1.0 --hash=sha256:cc",
        "web": "web==1.2 --hash=sha256:aa",
    }
    assert {"gunicorn", "celery"} <= set(lines_of(folder, extras=("server",), groups=("worker",)))


def test_a_pdm_lock_says_itself_what_computed_dependencies_lead_to(tmp_path: Path) -> None:
    dynamic = '[project]\nname = "shop"\ndynamic = ["dependencies"]\n'
    folder = project(tmp_path, **{"pdm.lock": PDM, "pyproject.toml": dynamic})
    assert set(lines_of(folder)) == {"deep", "forked", "kept", "speed", "web"}


def test_the_sources_of_pdm_and_the_index_of_a_package_with_an_address_are_named(tmp_path: Path) -> None:
    source = '[[tool.pdm.source]]\nname = "inner"\nurl = "https://packages.example/simple"\n'
    folder = project(tmp_path, **{"pdm.lock": PDM, "pyproject.toml": PYPROJECT + source})
    lock = lock_in(folder, project=tomllib.loads(PYPROJECT + source))
    assert lock is not None
    assert lock.options == ("--extra-index-url https://packages.example/simple",)
    assert [package.name for package in lock.packages if package.index] == ["web"]


def test_a_pipfile_lock_gives_default_and_the_categories_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    sources = [
        {"name": "pypi", "url": PYPI},
        {"name": "inner", "url": "https://ada:${TOKEN}@packages.example/simple"},
    ]
    lock = {
        "_meta": {"sources": sources},
        "default": {
            "Web": {"version": "==1.2", "hashes": ["sha256:bb", "sha256:aa"], "index": "pypi"},
            "inner-web": {"version": "==1.0", "hashes": ["sha256:cc"], "index": "inner"},
            "away": {"version": "==1.0", "hashes": ["sha256:dd"], "markers": "sys_platform == 'win32'"},
            "forked": {"git": "https://git.example/forked.git", "ref": COMMIT},
            "self": {"editable": True, "path": "."},
        },
        "develop": {"pytest": {"version": "==9.0", "hashes": ["sha256:ee"]}},
    }
    folder = project(tmp_path, **{"Pipfile.lock": json.dumps(lock)})
    assert lines_of(folder) == {
        "forked": f"forked @ git+https://git.example/forked.git@{COMMIT}",
        "inner-web": "inner-web==1.0 --hash=sha256:cc",
        "web": "web==1.2 --hash=sha256:aa --hash=sha256:bb",
    }
    assert "pytest" in lines_of(folder, groups=("develop",))
    found = lock_in(folder)
    assert found is not None
    assert found.options == ("--extra-index-url https://ada:hunter2@packages.example/simple",)
    assert [package.index.partition("=")[0] for package in found.packages] == ["", "inner", ""]


UV = """\
[[package]]
name = "shop"
version = "1"
source = { editable = "." }
dependencies = [
    { name = "web", extra = ["fast"] },
    { name = "torch", version = "2.0+cpu", marker = "sys_platform == 'linux'" },
]
[package.optional-dependencies]
server = [{ name = "gunicorn" }]
[package.dev-dependencies]
worker = [{ name = "celery" }]
[[package]]
name = "web"
version = "1"
dependencies = [{ name = "away", marker = "sys_platform == 'win32'" }]
[package.optional-dependencies]
fast = [{ name = "speed" }]
[[package]]
name = "speed"
version = "1"
[[package]]
name = "torch"
version = "2.0"
[[package]]
name = "torch"
version = "2.0+cpu"
source = { registry = "https://packages.example/simple" }
wheels = [{ url = "https://packages.example/torch.whl", hash = "sha256:aa" }]
[[package]]
name = "gunicorn"
version = "1"
[[package]]
name = "celery"
version = "1"
[[package]]
name = "away"
version = "1"
"""


def test_the_number_of_a_uv_lock_is_that_of_what_is_installed(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(UV)
    lock = lock_in(tmp_path)
    assert lock is not None
    assert [(each.name, each.version) for each in lock.packages] == [("speed", "1"), ("torch", "2.0+cpu"), ("web", "1")]
    more = lock_in(tmp_path, extras=("server",), groups=("worker",))
    assert more is not None
    assert {"gunicorn", "celery"} <= {package.name for package in more.packages}


def test_a_package_of_an_index_that_the_project_or_its_workspace_names_is_that_indexs(tmp_path: Path) -> None:
    index = '[[tool.uv.index]]\nname = "cpu"\nurl = "https://ada:pw@packages.example/simple/"\nexplicit = true\n'
    root, project = tmp_path, tmp_path / "member"
    project.mkdir()
    found = {"sha256:aa": "cpu=https://ada:pw@packages.example/simple/"}
    assert indexes_of(tomllib.loads(UV), (root, project)) == {}
    (root / "pyproject.toml").write_text(index)
    assert indexes_of(tomllib.loads(UV), (root, project)) == found
    (root / "uv.toml").write_text("")  # which goes before [tool.uv] beside it
    assert indexes_of(tomllib.loads(UV), (root, project)) == {}
    (root / "uv.toml").write_text(index.replace("tool.uv.", ""))
    assert indexes_of(tomllib.loads(UV), (root, project)) == found


def test_markers_of_a_pylock_may_name_its_extras_and_groups(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(
        'extras = ["server"]\ndependency-groups = ["worker"]\n'
        '[[packages]]\nname = "web"\n[[packages]]\nname = "old"\nmarker = "python_version < \'3\'"\n'
        '[[packages]]\nname = "gunicorn"\nmarker = "\'server\' in extras"\n'
        '[[packages]]\nname = "celery"\nmarker = "\'worker\' in dependency_groups"\n'
    )
    for chosen, names in (
        ({}, ["web"]),
        ({"extras": ("server",), "groups": ("worker",)}, ["celery", "gunicorn", "web"]),
    ):
        lock = lock_in(tmp_path, **chosen)
        assert lock is not None
        assert [package.name for package in lock.packages] == names


@pytest.mark.parametrize(
    ("name", "text", "why", "hint"),
    [
        ("poetry.lock", '[[package]]\nname = "other"\nversion = "1"\n', "the project asks for web", "poetry lock"),
        ("Pipfile.lock", "[", "it cannot be read", ""),
        ("pdm.lock", "package = 1\n", "package is not an array of tables", ""),
    ],
)
def test_a_lock_that_is_wrong_says_what_mends_it(tmp_path: Path, name: str, text: str, why: str, hint: str) -> None:
    folder = project(tmp_path, **{name: text})
    with pytest.raises(LockUnusable) as caught:
        lock_in(folder, project=tomllib.loads(PYPROJECT))
    assert why in caught.value.lock.why
    assert caught.value.lock.hint == hint


def test_the_environment_of_these_tests_is_complete() -> None:
    from packaging.markers import default_environment

    assert set(LINUX) == set(default_environment())
