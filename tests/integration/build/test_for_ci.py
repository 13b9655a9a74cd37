"""What CI asks of a build: events to read, warnings that count, and no warning without a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.builds import built, files_in, releaser
from support.tiny_project import CONFIG, make_tiny_project

WARNS = "def after_assembly(assembly):\n    assembly.warn('it is Friday')\n"


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def warning_project(folder: Path) -> Path:
    text = '[environment.prod]\nplugins = ["rel/warns.py"]\n'
    project = make_tiny_project(folder, config=CONFIG.replace("[environment.prod]\n", text))
    (project / "rel/warns.py").write_text("def after_assembly(assembly):\n    pass\n")
    return project


def test_every_line_is_an_event_from_the_first_step_to_what_was_built(tmp_path: Path) -> None:
    project = warning_project(tmp_path)
    (project / "rel/warns.py").write_text(WARNS)
    answer = releaser(project, "build", "--json")
    events = events_of(answer.stdout)
    started = [event["step"] for event in events if event["event"] == "step_started"]
    finished = [event for event in events if event["event"] == "step_finished"]
    assert started[0] == "build the project's wheel"
    assert started == [event["step"] for event in finished]
    assert all(event["ok"] and event["seconds"] >= 0 for event in finished)
    assert [event for event in events if event["event"] == "warning"] == [
        {"event": "warning", "where": "", "key": "", "what": "it is Friday", "hint": ""}
    ]
    last = events[-1]
    assert (last["event"], last["name"], last["version"], last["environment"]) == ("built", "tiny", "1.0.0", "prod")
    assert last["folder"] == str(project / "_build/prod/rel/tiny")
    assert last["packages"][0]["path"] == str(project / "_build/prod/tiny-1.0.0.tar.gz")
    assert last["packages"][0]["bytes"] == (project / "_build/prod/tiny-1.0.0.tar.gz").stat().st_size
    assert last["warnings"] == 1
    assert "1 warning:" in answer.stderr


def test_a_failure_is_an_event_and_a_message(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "src/tiny/app.py").write_text("def main(:\n")
    answer = releaser(project, "build", "--json")
    events = events_of(answer.stdout)
    assert answer.returncode == 1
    assert events[-2]["event"] == "step_finished"
    assert events[-2]["ok"] is False
    assert events[-1]["event"] == "error"
    assert events[-1]["message"].startswith("the project does not compile")
    assert events[-1]["exit_code"] == 1
    assert answer.stderr.startswith("error: the project does not compile")


def test_a_broken_configuration_is_an_event_with_its_problems(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path, config=CONFIG + "\n[environment.other]\ndev_mod = true\n")
    answer = releaser(project, "build", "--json")
    (event,) = events_of(answer.stdout)
    assert answer.returncode == event["exit_code"] == 3
    assert event["problems"][0]["key"] == "environment.other.dev_mod"
    assert event["problems"][0]["hint"] == "did you mean 'dev_mode'?"


def test_json_and_quiet_exclude_each_other(tmp_path: Path) -> None:
    answer = releaser(make_tiny_project(tmp_path), "build", "--json", "-q")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: --json and --quiet cannot be used together\n")


def test_a_warning_publishes_nothing_when_warnings_are_errors(tmp_path: Path) -> None:
    project = warning_project(tmp_path)
    before = files_in(built(project, "--warnings-as-errors"))
    (project / "rel/warns.py").write_text(WARNS)
    answer = releaser(project, "build", "--warnings-as-errors")
    assert answer.returncode == 1
    assert answer.stderr == (
        "error: a warning under --warnings-as-errors\n"
        "  it is Friday\n"
        "  now: the previous build, 1.0.0, is in _build/prod/rel/tiny as it was\n"
    )
    assert files_in(project / "_build/prod/rel/tiny") == before


def test_a_warning_of_the_plan_ends_the_build_before_its_first_step(tmp_path: Path) -> None:
    text = '[environment.prod]\nhooks = { pre_start = "rel/hook" }\n'
    project = make_tiny_project(tmp_path, config=CONFIG.replace("[environment.prod]\n", text))
    (project / "rel/hook").write_text("#!/nowhere/sh\n")
    answer = releaser(project, "build", "--warnings-as-errors")
    assert answer.returncode == 1
    assert "rel/hook:1: it is run by '/nowhere/sh'" in answer.stderr
    assert "now: nothing was built" in answer.stderr
    assert not (project / "_build").exists()


def test_a_project_without_dependencies_needs_no_lock(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "requirements.txt").unlink()
    answer = releaser(project, "build")
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert "install nothing: the project has no dependencies" in answer.stdout


def test_a_project_with_dependencies_is_told_that_its_lock_is_missing(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "requirements.txt").unlink()
    pyproject = project / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("requires-python", 'dependencies = ["httpx"]\nrequires-python'))
    assert "no lock file" in releaser(project, "plan").stderr
    pyproject.write_text(pyproject.read_text().replace('dependencies = ["httpx"]', 'dynamic = ["dependencies"]'))
    assert "no lock file" in releaser(project, "plan").stderr


def test_only_what_happens_is_told(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    first = releaser(project, "build").stdout
    assert [line for line in first.splitlines() if line.startswith("* ")] == [
        "* build the project's wheel",
        "* install nothing: requirements.txt names no dependency",
        "* install the project",
        "* check the entry point",
        "* compile byte code",
        "* write the bundle",
        "* write the archive",
        "* write bill of materials, provenance, record and checksums",
        "* publish the release",
    ]
    (project / "_build/prod/rel/tiny/var").mkdir()
    assert "* keep var from the previous build\n" in releaser(project, "build").stdout
