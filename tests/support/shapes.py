"""Small projects in the shapes that people write: what lies in the folder, and what it serves.

Each is a web app of bottle and waitress, two packages that need nothing else, unless its shape is about something else.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv
from support.builds import clean_environment

from releaser.plan.project.locks.lines import PYPI

APP = """\
import bottle

app = bottle.Bottle()


@app.get("/")
def page():
    return "hello from {name}"
"""
ASKED = ("bottle>=0.12", "waitress>=2")
PROJECT = '[project]\nname = "{name}"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = {asked}\n'
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
SCRIPT = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["bottle>=0.12"]
# ///
import os

import bottle


@bottle.get("/")
def page():
    return "hello from script"


if __name__ == "__main__":
    bottle.run(host="127.0.0.1", port=int(os.environ["PORT"]), quiet=True)
"""
SETUP_PY = """\
from setuptools import setup

REQUIRED = ["bottle>=0.12", "waitress>=2"]

setup(name="{name}", version="1.0.0", py_modules=["{name}"], install_requires=REQUIRED, python_requires=">=3.11")
"""
SETUP_CFG = """\
[metadata]
name = {name}
version = 1.0.0

[options]
py_modules = {name}
python_requires = >=3.11
install_requires =
    bottle>=0.12
    waitress>=2
"""
POETRY = """\
[tool.poetry]
{more}
[tool.poetry.dependencies]
python = "^3.11"
bottle = "^0.13"
waitress = {{ version = "*", markers = "sys_platform != 'win32'" }}
"""
NAMED = 'name = "{name}"\nversion = "1.0.0"\ndescription = ""\nauthors = []\n'
POETRY_CORE = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
PIPFILE = f"""\
[[source]]
url = "{PYPI}"
verify_ssl = true
name = "pypi"

[packages]
bottle = ">=0.12"
waitress = "*"

[dev-packages]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape of project."""

    files: Mapping[str, str]
    """By path. `{name}` stands for the project's name in each, where it is not doubled."""
    lock: Callable[[Path], None] | None = None
    """Locks the project in a folder."""
    told: tuple[str, ...] = ()
    """Lines that `releaser init` prints."""
    version: str = "1.0.0"
    inside: str = ""
    """The folder below the top of the repository that is released."""
    warned: str = ""
    """What each build warns of; empty: it warns of nothing."""


def uv_in(folder: Path, *words: str) -> str:
    """Run uv in a folder, which must work, and return what it prints."""
    environ = clean_environment() | {"UV_PYTHON": sys.executable}
    done = subprocess.run(
        [uv.find_uv_bin(), *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _uv_lock(folder: Path) -> None:
    uv_in(folder, "lock", "--quiet")


def _pylock(folder: Path) -> None:
    uv_in(folder, "lock", "--quiet")
    uv_in(folder, "export", "--quiet", "--no-emit-project", "--format", "pylock.toml", "-o", "pylock.toml")
    (folder / "uv.lock").unlink()


def _hashed_requirements(folder: Path) -> None:
    words = ("pip", "compile", "--quiet", "--generate-hashes", "--universal", "requirements.in")
    uv_in(folder, *words, "-o", "requirements.txt")


@functools.cache
def _pinned() -> dict[str, tuple[str, list[str]]]:
    """Return versions and hashes of what the apps ask for, at this moment."""
    project = "".join(f"{text}\n" for text in ASKED)
    done = subprocess.run(
        [uv.find_uv_bin(), "pip", "compile", "-q", "--no-header", "--no-annotate", "--generate-hashes", "-"],
        env=clean_environment() | {"UV_PYTHON": sys.executable},
        input=project,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in done.stdout.replace("\\\n", " ").splitlines():
        what, *hashes = entry.split()
        name, _, version = what.partition("==")
        found[name] = (version, [each.removeprefix("--hash=") for each in hashes])
    return found


def _poetry_lock(folder: Path) -> None:
    """Write what `poetry lock` does, in the format of Poetry 2."""
    parts = []
    for name, (version, hashes) in _pinned().items():
        files = "".join(f'    {{file = "{name}-{at}", hash = "{each}"}},\n' for at, each in enumerate(hashes))
        parts.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\noptional = false\n'
            f'python-versions = "*"\ngroups = ["main"]\nfiles = [\n{files}]\n'
        )
    end = '[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\ncontent-hash = "0"\n'
    (folder / "poetry.lock").write_text("\n".join([*parts, end]))


def _pdm_lock(folder: Path) -> None:
    parts = ['[metadata]\ngroups = ["default"]\nstrategy = ["inherit_metadata"]\nlock_version = "4.5.0"\n']
    for name, (version, hashes) in _pinned().items():
        files = "".join(f'    {{file = "{name}-{at}", hash = "{each}"}},\n' for at, each in enumerate(hashes))
        parts.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\nsummary = ""\ngroups = ["default"]\n'
            f"files = [\n{files}]\n"
        )
    (folder / "pdm.lock").write_text("\n".join(parts))


def _pipfile_lock(folder: Path) -> None:
    source = {"name": "pypi", "url": PYPI, "verify_ssl": True}
    locked = {
        name: {"hashes": hashes, "index": "pypi", "markers": "python_version >= '3.8'", "version": f"=={version}"}
        for name, (version, hashes) in _pinned().items()
    }
    lock = {"_meta": {"pipfile-spec": 6, "requires": {}, "sources": [source]}, "default": locked, "develop": {}}
    (folder / "Pipfile.lock").write_text(json.dumps(lock, indent=4))


def _pinned_requirements(folder: Path) -> None:
    (folder / "requirements.txt").write_text(
        "".join(f"{name}=={version}\n" for name, (version, _) in _pinned().items())
    )


def _project(*more: str, asked: tuple[str, ...] = ASKED) -> str:
    return "\n".join([PROJECT.replace("{asked}", json.dumps(list(asked))), *more])


LOOSE = "no lock file: each build resolves anew what {} asks for, and checks no hashes"
SHAPES: Mapping[str, Shape] = {
    "packaged": Shape(
        files={"pyproject.toml": _project(HATCHLING), "src/{name}/__init__.py": "", "src/{name}/web.py": APP},
        lock=_uv_lock,
        told=("  lock         uv.lock",),
    ),
    "unpackaged": Shape(
        files={"pyproject.toml": _project(), "app.py": APP}, lock=_pylock, told=("  lock         pylock.toml",)
    ),
    "not_a_package": Shape(
        files={"pyproject.toml": _project(HATCHLING, "[tool.uv]\npackage = false\n"), "app.py": APP}, lock=_uv_lock
    ),
    "of_poetry": Shape(
        files={
            "pyproject.toml": "\n".join([POETRY.replace("{more}", NAMED), POETRY_CORE])
            .replace("{{", "{")
            .replace("}}", "}"),
            "{name}/__init__.py": "",
            "{name}/web.py": APP,
        },
        lock=_poetry_lock,
        told=("  lock         poetry.lock",),
    ),
    "package_mode_off": Shape(
        files={
            "pyproject.toml": POETRY.replace("{more}", "package-mode = false\n").replace("{{", "{").replace("}}", "}"),
            "app.py": APP,
        },
        lock=_poetry_lock,
        version="0.1.0",
    ),
    "of_pdm": Shape(
        files={"pyproject.toml": _project("[tool.pdm]\ndistribution = false\n"), "app.py": APP},
        lock=_pdm_lock,
        told=("  lock         pdm.lock",),
    ),
    "setup_py": Shape(
        files={"setup.py": SETUP_PY, "{name}.py": APP},
        told=("  lock         none; each build resolves what setup.py asks for",),
        warned=LOOSE.format("setup.py"),
    ),
    "setup_cfg": Shape(files={"setup.cfg": SETUP_CFG, "{name}.py": APP}, warned=LOOSE.format("setup.cfg")),
    "hashed_requirements": Shape(
        files={"requirements.in": "bottle\nwaitress\n", "app.py": APP}, lock=_hashed_requirements, version="0.1.0"
    ),
    "pinned_requirements": Shape(
        files={"app.py": APP},
        lock=_pinned_requirements,
        version="0.1.0",
        warned="requirements.txt names versions without hashes: what they are is not checked, nor what they need",
    ),
    "loose_requirements": Shape(
        files={
            "requirements/base.txt": "bottle\n",
            "requirements/prod.txt": "-r base.txt\n-c limits.txt\nwaitress>=2\n",
            "requirements/dev.txt": "-r base.txt\npytest\n",
            "requirements/limits.txt": "waitress<4\n",
            "app.py": APP,
        },
        version="0.1.0",
        warned=LOOSE.format("requirements/prod.txt"),
    ),
    "of_pipenv": Shape(
        files={"Pipfile": PIPFILE, "app.py": APP},
        lock=_pipfile_lock,
        version="0.1.0",
        told=("  lock         Pipfile.lock",),
    ),
    "pipfile_alone": Shape(files={"Pipfile": PIPFILE, "app.py": APP}, version="0.1.0", warned=LOOSE.format("Pipfile")),
    "script": Shape(
        files={"script.py": SCRIPT},
        version="0.1.0",
        warned=LOOSE.format("its inline metadata"),
    ),
    "member": Shape(
        files={
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["apps/*", "libs/*"]\n',
            "apps/member/pyproject.toml": _project(
                HATCHLING, "[tool.uv.sources]\nshared = { workspace = true }\n", asked=(*ASKED, "shared")
            ),
            "apps/member/member/__init__.py": "",
            "apps/member/member/web.py": APP.replace('"hello from {name}"', "shared.WORD").replace(
                "import bottle\n", "import bottle\nimport shared\n"
            ),
            "libs/shared/pyproject.toml": PROJECT.replace("{name}", "shared").replace("{asked}", "[]") + HATCHLING,
            "libs/shared/shared/__init__.py": 'WORD = "hello from {name}"\n',
        },
        lock=_uv_lock,
        inside="apps/member",
        told=("  lock         ../../uv.lock",),
    ),
    "an_extra": Shape(
        files={
            "pyproject.toml": _project(HATCHLING, asked=ASKED[:1])
            + '[project.optional-dependencies]\nserver = ["waitress>=2"]\ntest = ["pytest"]\n',
            "{name}/__init__.py": "",
            "{name}/web.py": APP,
        },
        lock=_uv_lock,
        told=("  extras       server",),
    ),
    "a_group": Shape(
        files={
            "pyproject.toml": _project(asked=ASKED[:1])
            + '[dependency-groups]\ndev = ["pytest"]\nprod = ["waitress>=2"]\n'
            '[tool.uv]\ndefault-groups = ["dev", "prod"]\n',
            "app.py": APP,
        },
        lock=_uv_lock,
        told=("  groups       prod",),
    ),
    "pinned_by_poetry": Shape(
        files={
            "pyproject.toml": POETRY.replace("{more}", NAMED).replace("{{", "{").replace("}}", "}") + POETRY_CORE,
            "{name}.py": APP,
        },
        warned=LOOSE.format("pyproject.toml"),
    ),
    "computed": Shape(
        files={
            "pyproject.toml": SETUPTOOLS
            + '[project]\nname = "computed"\nversion = "1.0.0"\ndynamic = ["dependencies"]\n'
            '[tool.setuptools]\npackages = ["computed"]\n'
            '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements.txt"] }\n',
            "requirements.txt": "bottle>=0.12\nwaitress>=2\n",
            "{name}/__init__.py": "",
            "{name}/web.py": APP,
        },
        warned=LOOSE.replace("asks", "ask").format("pyproject.toml and requirements.txt"),
    ),
}


def write_shape(name: str, top: Path) -> Path:
    """Write the project of a shape into the new folder `top`, locked if it has a lock, and return its own folder."""
    shape = SHAPES[name]
    for path, text in shape.files.items():
        file = top / path.replace("{name}", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{name}", name))
    if shape.lock is not None:
        shape.lock(top)
    return top / shape.inside
