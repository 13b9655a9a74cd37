"""Settings of the language, each in a release that was really built: one that were ignored would fail its test here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.builds import built, manifest_of, releaser
from support.built import release_in
from support.running import ended
from support.tiny_project import make_tiny_project

APP = """\
import json, os, sys

def main():
    \"\"\"A docstring.\"\"\"
    flags = [sys.flags.dev_mode, sys.flags.optimize]
    names = ("FROM_FILE", "FROM_PROVIDER")
    told = {"flags": flags, "doc": main.__doc__, "cached": __cached__, **{n: os.environ.get(n) for n in names}}
    print("told", json.dumps(told))
"""
PROVIDER = 'def load():\n    return {"FROM_PROVIDER": "provider"}\n'
CONFIG = """\
default_environment = "prod"

[release.tiny]
entry_point = "tiny.app:main"

[environment.prod]
env_file = "{env_file}"
config_providers = ["tiny.settings:load"]
python_args = ["-X", "dev"]
python_optimize = 2
required_env = ["FROM_FILE", "FROM_PROVIDER"]

[environment.plain]
"""


def make_project(folder: Path, config: str = CONFIG) -> Path:
    project = make_tiny_project(folder / "project", config=config)
    (project / "src" / "tiny" / "app.py").write_text(APP)
    (project / "src" / "tiny" / "settings.py").write_text(PROVIDER)
    return project


def told_by(root: Path, scratch: Path) -> dict[str, Any]:
    release = release_in(root, scratch)
    release.name = "tiny"
    with ended(release):
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        found: dict[str, Any] = json.loads(running.output().partition("told ")[2].partition("\n")[0])
        return found


def test_a_built_release_is_configured_and_started_as_its_settings_say(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("FROM_FILE=file\n")
    project = make_project(tmp_path, CONFIG.format(env_file=tmp_path / "env"))

    plain = told_by(built(project, "--env", "plain"), tmp_path / "a")
    prod = told_by(built(project), tmp_path / "b")

    assert (plain["flags"], plain["doc"], plain["FROM_FILE"], plain["FROM_PROVIDER"]) == (
        [False, 0],
        "A docstring.",
        None,
        None,
    )
    assert (prod["flags"], prod["doc"], prod["FROM_FILE"], prod["FROM_PROVIDER"]) == (
        [True, 2],
        None,
        "file",
        "provider",
    )


def test_byte_code_is_compiled_at_the_level_that_the_app_is_started_with(tmp_path: Path) -> None:
    project = make_project(tmp_path, CONFIG.format(env_file="-env"))

    root = built(project)

    runtime = root / "releases" / "1.0.0" / "runtime"
    tag = sys.implementation.cache_tag
    assert (runtime / f"instance/__pycache__/entry.{tag}.opt-2.pyc").is_file()
    assert (runtime / f"supervisor/__pycache__/supervisor.{tag}.pyc").is_file()
    (root / "env").write_text("FROM_FILE=x\n")
    told = told_by(root, tmp_path / "a")
    assert told["cached"].endswith(f"app.{tag}.opt-2.pyc")
    assert Path(told["cached"]).is_file()


def test_a_provider_that_is_not_in_the_bundle_is_refused_by_the_build(tmp_path: Path) -> None:
    config = CONFIG.format(env_file="env").replace("tiny.settings:load", "tiny.sett:load")

    done = releaser(make_project(tmp_path, config), "build")

    assert done.returncode == 3
    assert "there is no module 'tiny.sett' in the bundle" in done.stderr
    assert "rel/config.toml:8:21: environment.prod.config_providers" in done.stderr


def test_the_manifest_carries_the_settings_of_the_process(tmp_path: Path) -> None:
    project = make_project(tmp_path, CONFIG.format(env_file="-env"))

    manifest = manifest_of(built(project))

    assert manifest["python_args"] == ["-X", "dev"]
    assert manifest["python_optimize"] == 2
    assert manifest["env_file"] == "-env"
    assert manifest["config_providers"] == ["tiny.settings:load"]


EXTENDING = """\
default_release = "worker"

[release.tiny]
entry_point = "tiny.app:main"
env = { FROM_FILE = "base", FROM_PROVIDER = "base" }
version = { command = ["cat", "VERSION"] }

[release.worker]
extends = "tiny"
env = { FROM_FILE = "worker" }

[environment.prod]
"""


def test_a_release_that_extends_another_has_its_settings_and_its_own_over_them(tmp_path: Path) -> None:
    project = make_project(tmp_path, EXTENDING)
    (project / "VERSION").write_text("v3.2.1\n")

    built(project)

    root = project / "_build" / "prod" / "rel" / "worker"
    release = release_in(root, tmp_path / "a")
    release.name = "worker"
    with ended(release):
        running = release.foreground(until="")
        assert running.wait() == 0, running.errors()
        assert '"FROM_FILE": "worker", "FROM_PROVIDER": "base"' in running.output()
        assert release.run("version").stdout == "3.2.1\n"
    assert (project / "_build" / "prod" / "worker-3.2.1.tar.gz").is_file()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ('["cat", "VERSION"]', "`cat VERSION` ended with exit code 1: cat: VERSION: No such file or directory"),
        ('["no-such-program"]', "`no-such-program` cannot be run: no such file or directory"),
        ('["true"]', "expected one line from `true`, found nothing"),
        ('["printf", "1\\\\n2\\\\n"]', "found 2 lines"),
        ('["echo", "1/2"]', "expected a version of letters, digits and '.+_-', found '1/2'"),
    ],
)
def test_a_version_command_that_gives_no_version_forbids_the_build(tmp_path: Path, command: str, message: str) -> None:
    config = EXTENDING.replace('["cat", "VERSION"]', command)

    done = releaser(make_project(tmp_path, config), "plan")

    assert done.returncode == 3
    assert message in done.stderr
    assert "rel/config.toml:6:11: release.tiny.version" in done.stderr
