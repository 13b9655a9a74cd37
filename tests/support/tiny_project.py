"""A project without dependencies that builds in an instant: its build backend lies inside it, nothing is fetched."""

from __future__ import annotations

from pathlib import Path

_BACKEND = """\
import pathlib, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    import tomllib
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    stem = f"{project['name']}-{project['version']}"
    info = f"{stem}.dist-info"
    found = [p for p in sorted(pathlib.Path("src").rglob("*")) if p.is_file() and p.suffix != ".pyc"]
    files = {str(p.relative_to("src")): p.read_bytes() for p in found}
    named = f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {project['version']}\\n"
    asked = "".join(f"Requires-Dist: {each}\\n" for each in project.get("dependencies", []))
    files[f"{info}/METADATA"] = named + asked
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    for path in sorted(pathlib.Path("scripts").glob("*")):
        files[f"{stem}.data/scripts/{path.name}"] = path.read_text()
    scripts = "".join(f"{key} = {value}\\n" for key, value in project.get("scripts", {}).items())
    files[f"{info}/entry_points.txt"] = "[console_scripts]\\n" + scripts
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(pathlib.Path(directory, f"{stem}-py3-none-any.whl"), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"{stem}-py3-none-any.whl"
"""
_PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "{version}"
requires-python = ">=3.11"

[project.scripts]
tiny = "tiny.app:main"
"""
_APP = """\
import sys
from tiny import WORD

def main():
    print("tiny says", WORD, *sys.argv[1:])

def is_up():
    return True
"""
CONFIG = """\
default_release = "tiny"
default_environment = "prod"

[release.tiny]
entry_point = "tiny.app:main"

[environment.prod]

[environment.dev]
dev_mode = true

[environment.closed]
include_src = false
"""


def make_tiny_project(folder: Path, *, version: str = "1.0.0", config: str = CONFIG, word: str = "hello") -> Path:
    """Write the project `tiny` into `folder`, which may hold an older one of it, and return `folder`."""
    files = {
        "pyproject.toml": _PROJECT.format(version=version),
        "backend.py": _BACKEND,
        "src/tiny/__init__.py": f"WORD = {word!r}\n",
        "src/tiny/app.py": _APP,
        "src/tiny/data/greeting.txt": "good day\n",
        "requirements.txt": "# no dependencies\n",
        "rel/config.toml": config,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
