"""`releaser check`: every release for every environment, all that is wrong at once, and nothing is built."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.builds import releaser
from support.tiny_project import CONFIG, make_tiny_project


def test_every_environment_is_checked_and_nothing_is_built(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    done = releaser(project, "check")
    assert done.returncode == 0, done.stderr
    environments = ("prod", "dev", "closed")
    assert done.stdout.splitlines() == [f"tiny for {name}: 1.0.0 can be built" for name in environments]
    assert not (project / "_build").exists()


def test_what_is_wrong_with_each_environment_is_told_at_once_and_only_once(tmp_path: Path) -> None:
    config = CONFIG.replace("[environment.dev]\n", '[environment.dev]\ncommands = { a = "rel/none" }\n')
    config = config.replace("include_src = false", 'include_src = false\noverlays = [{ copy = "rel/gone", to = "x" }]')
    project = make_tiny_project(tmp_path, config=config)
    (project / "rel/config.toml").write_text(
        (project / "rel/config.toml").read_text().replace('app:main"\n', "app:main\"\nhooks.pre_start = 'rel/lost'\n")
    )
    done = releaser(project, "check")
    assert done.returncode == 3
    assert "tiny for prod: cannot be built (1 problem)\n" in done.stdout
    assert "tiny for dev: cannot be built (2 problems)\n" in done.stdout
    assert "error: cannot build tiny for prod, tiny for dev, tiny for closed (3 problems)" in done.stderr
    for name in ("rel/none", "rel/gone", "rel/lost"):
        assert f"there is no {name}" in done.stderr or f"{name} does not exist" in done.stderr
    assert done.stderr.count("hooks.pre_start: ") == 1
    assert "now: nothing was built" in done.stderr


def test_what_is_wrong_with_the_text_and_what_is_missing_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    config = CONFIG + 'stop_timeuot = 3\nhooks.pre_start = "rel/lost"\nproject = "app"\n'
    project = make_tiny_project(tmp_path, config=config)
    for command in ("check", "plan"):
        done = releaser(project, command)
        assert done.returncode == 3
        told = [line.partition(": environment.")[2] for line in done.stderr.splitlines() if ": environment." in line]
        assert told == [
            "closed.stop_timeuot: unknown key",
            "closed.hooks.pre_start: rel/lost does not exist",
            "closed.project: app does not exist",
        ]


def test_problems_of_one_file_are_told_from_its_top(tmp_path: Path) -> None:
    config = CONFIG.replace('app:main"\n', 'app:main"\ncommands = { a = "rel/none" }\nfind_links = ["gone"]\n', 1)
    config = config.replace("[environment.prod]\n", '[environment.prod]\nproject = "app"\nlock = "lost.txt"\n')
    project = make_tiny_project(tmp_path, config=config)
    done = releaser(project, "check")
    lines = [int(line.split(":")[1]) for line in done.stderr.splitlines() if line.startswith("  rel/config.toml:")]
    assert len(lines) == 4
    assert lines == sorted(lines)
    assert "environment.prod.project: app is not a project that can be bundled" in done.stderr


def test_a_hook_has_a_name_that_can_be_printed(tmp_path: Path) -> None:
    hooks = '[environment.prod]\nhooks = { pre_start = "rel/hooks" }\n'
    project = make_tiny_project(tmp_path, config=CONFIG.replace("[environment.prod]\n", hooks))
    (project / "rel/hooks").mkdir()
    for name in (b"\xff", b"a\nb", "früh".encode()):
        Path(os.fsdecode(os.fsencode(project / "rel/hooks") + b"/" + name)).write_text("#!/bin/sh\n")
    done = releaser(project, "check", "--env", "prod")
    assert done.returncode == 3
    assert "(2 problems)" in done.stderr
    assert "found 'a\\nb' in rel/hooks" in done.stderr
    assert "found '\\udcff' in rel/hooks" in done.stderr


def test_one_environment_can_be_named_and_a_program_can_read_the_answer(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "requirements.txt").unlink()
    (project / "pyproject.toml").write_text(
        (project / "pyproject.toml").read_text().replace('requires-python = ">=3.11"\n', 'dependencies = ["leaf"]\n')
    )
    done = releaser(project, "check", "--env", "dev", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    (one,) = answer["checked"]
    assert (one["release"], one["environment"], one["version"]) == ("tiny", "dev", "1.0.0")
    assert len(one["warnings"]) == 1
    warned = releaser(project, "check")
    assert "1 warning:" in warned.stderr, "the same one for three environments"
    assert releaser(project, "check", "--warnings-as-errors").returncode == 1
    unknown = releaser(project, "check", "--env", "prd")
    assert unknown.returncode == 2
    assert "did you mean 'prod'?" in unknown.stderr
