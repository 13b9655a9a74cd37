"""Plugins: each function at its moment, in the listed order, and what is said when one fails."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from support.builds import built, files_in, recorded_in, releaser
from support.tiny_project import CONFIG, make_tiny_project

EVERY_EVENT = """\
from pathlib import Path

from releaser.plugins import Assembly


def told(assembly: Assembly, event: str) -> None:
    staged = sorted(path.name for path in assembly.folder.iterdir()) if assembly.folder.exists() else None
    packages = [path.name for path in assembly.packages if path.exists()]
    with open(assembly.root / "told", "a") as file:
        print(event, staged, packages, (assembly.release / "manifest.json").exists(), file=file)


def before_assembly(assembly):
    told(assembly, "before_assembly")


def after_assembly(assembly):
    told(assembly, "after_assembly")
    (assembly.release / "made.txt").write_text(f"{assembly.name} {assembly.overlay_vars['word']}")
    assembly.note("a note of the plugin")


def before_package(assembly):
    told(assembly, "before_package")


def after_package(assembly):
    told(assembly, "after_package")


def after_cleanup(assembly):
    told(assembly, "after_cleanup")
    assembly.warn("a warning of the plugin")
"""
OTHER = """\
def after_assembly(assembly):
    with open(assembly.root / "told", "a") as file:
        print("the other one", file=file)
"""


def project_with(folder: Path, plugins: dict[str, str], settings: str = "") -> Path:
    names = ", ".join(f'"rel/plugins/{name}.py"' for name in plugins)
    text = f'[environment.prod]\nplugins = [{names}]\noverlay_vars = {{ word = "hi" }}\n{settings}\n'
    project = make_tiny_project(folder, config=CONFIG.replace("[environment.prod]\n", text))
    (project / "rel/plugins").mkdir()
    for name, code in plugins.items():
        (project / f"rel/plugins/{name}.py").write_text(code)
    return project


def test_every_event_is_met_once_and_in_the_listed_order(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"every": EVERY_EVENT, "other": OTHER})
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    assert (project / "told").read_text().splitlines() == [
        "before_assembly ['releases'] [] False",
        "after_assembly ['bin', 'releases'] [] False",
        "the other one",
        "before_package ['bin', 'releases'] [] False",
        "after_package ['bin', 'releases'] ['tiny-1.0.0.tar.gz'] True",
        "after_cleanup ['bin', 'releases'] ['tiny-1.0.0.tar.gz'] True",
    ]
    assert "    a note of the plugin\n" in answer.stdout
    assert answer.stderr == "1 warning:\n  a warning of the plugin\n"
    release = project / "_build/prod/rel/tiny"
    assert (release / "releases/1.0.0/made.txt").read_text() == "tiny hi"
    assert "made.txt" in recorded_in(release / "releases/1.0.0")
    with tarfile.open(project / "_build/prod/tiny-1.0.0.tar.gz") as archive:
        assert "tiny/releases/1.0.0/made.txt" in archive.getnames()
    assert not (project / "rel/plugins/__pycache__").exists()


def test_a_plugin_that_is_not_listed_does_nothing(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"every": EVERY_EVENT})
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace('plugins = ["rel/plugins/every.py"]', ""))
    built(project)
    assert not (project / "told").exists()


def test_without_a_package_nothing_is_told_of_packaging(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"every": EVERY_EVENT}, "archive = false")
    built(project)
    events = [line.split()[0] for line in (project / "told").read_text().splitlines()]
    assert events == ["before_assembly", "after_assembly", "after_cleanup"]


def test_a_plugin_that_raises_is_told_with_its_file_and_line_and_the_old_build_stays(tmp_path: Path) -> None:
    project = project_with(tmp_path, {"big": ""})
    (project / "rel/plugins/big.py").write_text("def after_package(assembly):\n    pass\n")
    before = files_in(built(project))
    (project / "rel/plugins/big.py").write_text(
        "def limit():\n    raise ValueError('too large')\n\ndef after_package(assembly):\n    limit()\n"
    )
    answer = releaser(project, "build")
    assert answer.returncode == 1
    assert answer.stderr == (
        "error: the plugin rel/plugins/big.py failed in after_package\n"
        "  rel/plugins/big.py:2: ValueError: too large\n"
        "  now: the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"
    )
    assert files_in(project / "_build/prod/rel/tiny") == before
    assert sorted(path.name for path in (project / "_build/prod").glob(".staging*")) == []


@pytest.mark.parametrize("command", ["plan", "build"])
def test_checks_forbid_a_build_before_anything_is_built(tmp_path: Path, command: str) -> None:
    code = (
        "from releaser.plugins import Problem\n\n"
        "def checks(assembly):\n"
        "    return [Problem(where='Dockerfile:3', what='it names another version', hint='bump it'), 'no changelog']\n"
    )
    project = project_with(tmp_path, {"rules": code})
    answer = releaser(project, command)
    assert answer.returncode == 3
    assert answer.stderr == (
        "error: cannot build tiny for prod: a plugin's checks forbid it (2 problems)\n"
        "  Dockerfile:3: it names another version\n"
        "      hint: bump it\n"
        "  no changelog\n"
        "  now: nothing was built\n"
    )
    assert not (project / "_build").exists()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_the_sort\n", "rel/plugins/bad.py:1: the plugin rel/plugins/bad.py cannot be loaded"),
        ("x = 1\ndef after_assembly(:\n", "rel/plugins/bad.py:2: the plugin rel/plugins/bad.py cannot be loaded"),
        ("def unrelated(): ...\n", "the plugin rel/plugins/bad.py has no function that a build calls"),
        ("def after_assembly(tree): ...\n", "has a function of another shape"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_told_at_once(tmp_path: Path, code: str, told: str) -> None:
    project = project_with(tmp_path, {"bad": code})
    answer = releaser(project, "build")
    assert answer.returncode == 3, answer.stderr
    assert told in answer.stderr
    assert "now: nothing was built" in answer.stderr
    assert not (project / "_build").exists()


def test_a_plugin_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    for name, told in (("rel/none.py", "rel/none.py does not exist"), ("shiny", "no entry point of releaser.plugins")):
        text = f'[environment.prod]\nplugins = ["{name}"]\n'
        project = make_tiny_project(tmp_path / name, config=CONFIG.replace("[environment.prod]\n", text))
        answer = releaser(project, "build")
        assert answer.returncode == 3
        assert told in answer.stderr
        assert "rel/config.toml:8:12: environment.prod.plugins" in answer.stderr


def test_an_entry_point_of_an_installed_package_is_a_plugin(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    (installed / "shiny-1.0.dist-info").mkdir(parents=True)
    (installed / "shiny-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: shiny\nVersion: 1.0\n")
    (installed / "shiny-1.0.dist-info/entry_points.txt").write_text("[releaser.plugins]\nshiny = shiny:Plugin\n")
    (installed / "shiny.py").write_text(
        "class Plugin:\n    def after_assembly(self, assembly):\n"
        "        (assembly.release / 'shiny').write_text(assembly.environment)\n"
    )
    text = '[environment.prod]\nplugins = ["shiny"]\n'
    project = make_tiny_project(tmp_path / "project", config=CONFIG.replace("[environment.prod]\n", text))
    release = built(project, PYTHONPATH=str(installed))
    assert (release / "releases/1.0.0/shiny").read_text() == "prod"
