"""What older and other formats say of a project, in the words of `[project]` and of requirements files."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.plan.project.formats.inline_script import scripts_metadata
from releaser.plan.project.formats.pipfile import pipfile_lines, read_pipfile
from releaser.plan.project.formats.poetry import requirements_of, versions_of
from releaser.plan.project.formats.requirement_files import main_file, requirements_in
from releaser.plan.project.formats.setup_py import names_its_packages, setup_py_table
from releaser.plan.project.locks.lines import PYPI
from releaser.plan.project.python_request import python_request


@pytest.mark.parametrize(
    ("constraint", "versions"),
    [
        ("^1.2.3", "<2,>=1.2.3"),
        ("^0.2.3", "<0.3,>=0.2.3"),
        ("^0.0.3", "<0.0.4,>=0.0.3"),
        ("^0.0", "<0.1,>=0.0"),
        ("^1", "<2,>=1"),
        ("~1.2.3", "<1.3,>=1.2.3"),
        ("~1", "<2,>=1"),
        ("~=1.4", "~=1.4"),
        ("1.2.3", "==1.2.3"),
        ("1.*", "==1.*"),
        (">=1,<2", "<2,>=1"),
        (">=1 <2", "<2,>=1"),
        ("*", ""),
        ("^1.0 || ^2.0", ""),
        ("nonsense^", ""),
    ],
)
def test_a_range_of_poetrys_becomes_one_of_pep_440(constraint: str, versions: str) -> None:
    assert versions_of(constraint) == versions


def test_a_table_of_poetrys_becomes_requirements() -> None:
    table = {
        "python": "^3.11",
        "plain": "^1.0",
        "many": {"version": ">=2", "extras": ["a", "b"], "markers": "os_name == 'posix'"},
        "old": [{"version": "1.0", "python": "<3.12"}, {"version": "2.0", "python": ">=3.12"}],
        "forked": {"git": "https://git.example/f.git", "tag": "v1"},
        "near": {"path": "libs/near"},
        "chosen": {"version": "*", "optional": True},
        "unchosen": {"version": "*", "optional": True},
    }
    assert list(requirements_of(table, frozenset({"chosen"}))) == [
        "plain<2,>=1.0",
        "many[a,b]>=2 ; (os_name == 'posix')",
        'old==1.0 ; (python_full_version < "3.12")',
        'old==2.0 ; (python_full_version >= "3.12")',
        "forked @ git+https://git.example/f.git@v1",
        "near @ ./libs/near",
        "chosen",
    ]


def test_a_pipfile_becomes_the_lines_of_a_requirements_file(tmp_path: Path) -> None:
    (tmp_path / "Pipfile").write_text(
        f'[[source]]\nname = "pypi"\nurl = "{PYPI}"\n'
        '[[source]]\nname = "inner"\nurl = "https://packages.example/simple"\n'
        '[packages]\nflask = "*"\nrequests = { version = ">=2", extras = ["socks"], sys_platform = "== \'linux\'" }\n'
        'forked = { git = "https://git.example/f.git", ref = "v1" }\nnear = { path = "./near", editable = true }\n'
        '[dev-packages]\npytest = "*"\n[worker]\ncelery = "==5.0"\n'
    )
    data = read_pipfile(tmp_path)
    assert data is not None
    assert list(pipfile_lines(data, ("worker",))) == [
        "--extra-index-url https://packages.example/simple",
        "flask",
        "requests[socks]>=2 ; sys_platform == 'linux'",
        "forked @ git+https://git.example/f.git@v1",
        "./near",
        "celery==5.0",
    ]
    assert list(pipfile_lines(data, ("develop",)))[-1] == "pytest", "as Pipfile.lock calls it"


def test_setup_py_is_read_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(
        "import setuptools\nimport shop_that_is_nowhere\nVERSION = '1.2'\n"
        "setuptools.setup(name='shop', version=VERSION, install_requires=['flask'] , python_requires='>=3.11',\n"
        "    long_description=open('README').read(), entry_points={'console_scripts': ['shop = shop.cli:main']})\n"
    )
    table = setup_py_table(tmp_path)
    assert table is not None
    assert (table["name"], table["version"], table["dependencies"]) == ("shop", "1.2", ["flask"])
    assert (table["requires-python"], table["scripts"]) == (">=3.11", {"shop": "shop.cli:main"})
    assert table["dynamic"] == []
    assert not names_its_packages(tmp_path)


def test_what_setup_py_computes_is_left_to_its_build(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup, find_packages\n"
        "setup(name=compute(), version=compute(), install_requires=compute(), packages=find_packages())\n"
    )
    table = setup_py_table(tmp_path)
    assert table is not None
    assert (table["name"], table["version"]) == ("", "")
    assert table["dynamic"] == ["name", "version", "dependencies"]
    assert names_its_packages(tmp_path)


def test_the_first_comment_of_scripts_is_theirs_together(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('# /// script\n# requires-python = ">=3.11"\n# dependencies = ["flask"]\n# ///\n')
    (tmp_path / "b.py").write_text('# /// script\n# dependencies = [\n#   "flask",\n#   "rich",\n# ]\n# ///\n')
    (tmp_path / "c.py").write_text("# /// script\n# = \n# ///\n")
    assert scripts_metadata(tmp_path) == {"dependencies": ["flask", "rich"], "requires-python": ">=3.11"}


def test_the_requirements_file_of_production_stands_for_the_project_where_none_is_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    for name in ("base", "dev", "prod"):
        (tmp_path / f"requirements/{name}.txt").write_text(f"-r base.txt\n{name}==1.0\n")
    found = main_file(tmp_path)
    assert found == tmp_path / "requirements/prod.txt"
    assert [each.text.strip() for each in requirements_in(found)] == ["prod==1.0", "base==1.0"]
    (tmp_path / "requirements.txt").touch()
    assert main_file(tmp_path) == tmp_path / "requirements.txt"


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        (".python-version", "# ours\n3.12.4\n3.11\n", "3.12.4"),
        (".python-version", "cpython@3.12\n", "3.12"),
        (".python-version", "pypy3.10\n", ""),
        ("runtime.txt", "python-3.11.9\n", "3.11.9"),
        (".tool-versions", "nodejs 20\npython 3.12.1 system # two\n", "3.12.1"),
        ("mise.toml", '[tools]\npython = ["3.13", "3.12"]\n', "3.13"),
        ("mise.toml", '[tools]\npython = { version = "3.13" }\n', "3.13"),
        ("Pipfile", '[requires]\npython_version = "3.12"\n', "3.12"),
        ("Pipfile", '[requires]\npython_version = "3.12"\npython_full_version = "3.12.5"\n', "3.12.5"),
    ],
)
def test_a_file_names_the_python_of_a_project(tmp_path: Path, name: str, text: str, version: str) -> None:
    (tmp_path / name).write_text(text)
    request = python_request(tmp_path)
    assert (request.version, request.source) == (version, name) if version else request is None
