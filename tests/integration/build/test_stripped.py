"""`strip` in a built release: the dependency is smaller, runs as before, and the build says what went."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.builds import manifest_of, releaser
from support.tiny_project import CONFIG, make_tiny_project

FILES = {
    "lib/__init__.py": "WORD = 'from lib'\n",
    "lib/__init__.pyi": "WORD: str\n",
    "lib/tests/__init__.py": "",
    "lib/tests/test_lib.py": "x = 1\n" * 500,
    "lib/docs/guide.rst": "read me\n",
    "lib-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n",
    "lib-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def project_with_dependency(folder: Path, settings: str) -> Path:
    """Return a project whose lock pins a wheel that lies beside it; nothing is fetched."""
    text = f"[environment.prod]\n{settings}\n"
    project = make_tiny_project(folder, config=CONFIG.replace("[environment.prod]\n", text))
    (project / "wheels").mkdir()
    wheel = project / "wheels/lib-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**FILES, "lib-1.0.dist-info/RECORD": "".join(f"{name},,\n" for name in FILES)}.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"--no-index\n--find-links {project}/wheels\nlib==1.0 --hash=sha256:{digest}\n"
    (project / "requirements.txt").write_text(lock)
    (project / "src/tiny/app.py").write_text("import lib\n\ndef main():\n    print('tiny has', lib.WORD)\n")
    (project / "src/tiny/tests").mkdir()
    (project / "src/tiny/tests/__init__.py").write_text("")
    (project / "src/tiny/__init__.pyi").write_text("")
    return project


def bundled(project: Path) -> set[str]:
    with zipfile.ZipFile(project / "_build/prod/rel/tiny/releases/1.0.0/tiny.pyz") as bundle:
        return {
            name.removeprefix("site-packages/") for name in bundle.namelist() if "/tests/" in name or "lib/" in name
        }


def test_what_the_author_strips_is_not_in_the_bundle_and_the_rest_runs(tmp_path: Path) -> None:
    project = project_with_dependency(tmp_path, "strip = true\ninclude_src = false")
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    assert "* leave out the dependencies' tests, docs, type stubs\n" in answer.stdout
    assert "tests left out: " in answer.stdout
    assert "(lib " in answer.stdout
    names = bundled(project)
    assert {name for name in names if name.startswith("lib/") and not name.endswith(".pyc")} == {"lib/__init__.py"}
    assert not [name for name in names if name.startswith("lib/") and "tests" in name]
    assert "tiny/tests/__init__.pyc" in names, "the project's own are its own business"
    release = project / "_build/prod/rel/tiny"
    done = subprocess.run(
        [sys.executable, release / "releases/1.0.0/tiny.pyz"],
        env={"PATH": "/usr/bin:/bin", "SHIV_ROOT": str(tmp_path / "shiv")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "tiny has from lib\n", done.stderr
    assert manifest_of(release)["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("settings", "there", "gone"),
    [
        ("", {"lib/tests/test_lib.py", "lib/__init__.pyi", "lib/docs/guide.rst"}, set()),
        ("strip = { tests = true }", {"lib/__init__.pyi", "lib/docs/guide.rst"}, {"lib/tests/test_lib.py"}),
        ("strip = { docs = true }", {"lib/__init__.pyi", "lib/tests/test_lib.py"}, {"lib/docs/guide.rst"}),
        ("strip = { type_stubs = true }", {"lib/docs/guide.rst"}, {"lib/__init__.pyi"}),
        ('strip = { tests = true, keep = ["lib"] }', {"lib/tests/test_lib.py"}, set()),
    ],
)
def test_each_part_is_chosen_by_itself(tmp_path: Path, settings: str, there: set[str], gone: set[str]) -> None:
    project = project_with_dependency(tmp_path, settings)
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    names = bundled(project)
    assert there <= names
    assert not gone & names


def test_what_one_build_strips_is_back_in_the_next(tmp_path: Path) -> None:
    """The dependencies are linked from a cache: what is removed from one build must not be missing there."""
    project = project_with_dependency(tmp_path, "strip = true")
    assert releaser(project, "build").returncode == 0
    config = project / "rel/config.toml"
    config.write_text(config.read_text().replace("strip = true", ""))
    assert releaser(project, "build").returncode == 0
    assert {"lib/tests/test_lib.py", "lib/__init__.pyi"} <= bundled(project)
