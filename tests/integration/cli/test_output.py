"""Where `releaser` writes to and starts from: a full disk, a narrow encoding, a folder that is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.builds import clean_environment, releaser

CONFIG = '[release.shop]\nentry_point = "shop:main"\nenv = { WHO = "größe €" }\n[environment.prod]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "rel").mkdir()
    (tmp_path / "rel/config.toml").write_text(CONFIG)
    return tmp_path


def through_a_shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run `script` with `releaser` as its first argument."""
    words = ["sh", "-c", script, "sh", str(Path(sys.executable).parent / "releaser")]
    return subprocess.run(words, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=60)


def test_output_that_cannot_be_written_is_told_in_one_line(project: Path) -> None:
    for command in ("config", "schema", "docs"):
        done = through_a_shell(project, f'"$1" {command} > /dev/full')
        assert (done.returncode, done.stderr) == (
            1,
            "error: cannot write to standard output: no space left on device\n",
        )


def test_closed_output_is_no_reason_to_fail_and_none_not_to(project: Path) -> None:
    assert through_a_shell(project, '"$1" config >&-').returncode == 0
    done = through_a_shell(project, '"$1" config --env live >&-')
    assert done.returncode == 2
    assert done.stderr.startswith("error: rel/config.toml has no environment 'live'")


def test_what_an_encoding_has_not_is_escaped_and_json_stays_json(project: Path) -> None:
    shown = releaser(project, "config", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "gr\\xf6\\xdfe \\u20ac" in shown.stdout
    told = releaser(project, "config", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(told.stdout)["settings"]["env.WHO"]["value"] == "größe €"


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = through_a_shell(tmp_path, 'cd gone && rmdir ../gone && "$1" check')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: cannot read the current folder: no such file or directory"


def test_a_program_that_checks_a_broken_configuration_has_its_problems_as_json(project: Path) -> None:
    (project / "rel/config.toml").write_text(f'{CONFIG}dev_mod = true\nhooks.pre_start = "rel/lost"\n')
    done = releaser(project, "check", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["checked"]) == (3, False, [])
    assert [(each["where"], each["key"]) for each in told["problems"]] == [
        ("rel/config.toml:5:1", "environment.prod.dev_mod"),
        ("rel/config.toml:6:19", "environment.prod.hooks.pre_start"),
    ]
