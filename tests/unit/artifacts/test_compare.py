"""What is different between two releases, and how `diff` says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.artifacts import dist, finished, packed

from releaser.artifacts.compare import Change, difference, difference_lines
from releaser.artifacts.reading import read_artifact
from releaser.cli.main import run
from releaser.runtime.release.manifest import Hook, Socket

OLD = {**dist("kept", "1.0", {"kept.py": "a"}), **dist("gone", "1.0", {"gone.py": "b"})}
NEW = {**dist("kept", "1.1", {"kept.py": "aa"}), **dist("fresh", "3", {"fresh.py": "c"})}


def hook(name: str, timeout_s: float = 5.0) -> Hook:
    return Hook(event="pre_start", name=name, path=f"hooks/{name}", call="", timeout_s=timeout_s, on_failure="abort")


def test_two_builds_of_the_same_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = finished(tmp_path, OLD)
    archive = packed(root)
    assert difference(read_artifact(root), read_artifact(archive)).is_empty
    assert run(["diff", str(root), str(archive)]) == 0
    assert capsys.readouterr().out == "no difference: both are app 1.0.0\n"


def test_each_kind_of_change_is_under_its_topic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = finished(tmp_path / "a", OLD, hooks=[hook("20-a"), hook("30-b")], env={"A": "1"}, stop_timeout_s=5.0)
    new = finished(
        tmp_path / "b",
        NEW,
        version="1.1.0",
        hooks=[hook("20-a", 9.0)],
        env={"A": "2", "B": "3"},
        sockets=[Socket(name="web", address="127.0.0.1:80")],
        required_env=["TOKEN"],
        stop_timeout_s=5.0,
        inputs={"git": "abc"},
    )
    found = difference(read_artifact(old), read_artifact(new))
    assert found.dependencies == (
        Change(name="fresh", old="", new="3"),
        Change(name="gone", old="1.0", new=""),
        Change(name="kept", old="1.0", new="1.1"),
    )
    names = {change.name for change in found.configuration}
    expected = {"hooks.pre_start.20-a", "hooks.pre_start.30-b", "env.A", "env.B", "sockets.web", "required_env: TOKEN"}
    assert names == expected
    assert Change(name="version", old="1.0.0", new="1.1.0") in found.release
    assert found.inputs == (Change(name="git", old="", new="abc"),)
    assert {change.name for change in found.files} == {"app.pyz", "releases/default"} | (
        {change.name for change in found.files} & {"bin/app"}
    )
    lines = difference_lines(found)
    assert "  + fresh  3" in lines
    assert "  ~ kept  1.0 -> 1.1" in lines
    assert run(["diff", str(old), str(new)]) == 1
    assert capsys.readouterr().out.startswith("from app 1.0.0 to app 1.1.0\n")
    assert run(["diff", "--json", str(old), str(new)]) == 1
    assert json.loads(capsys.readouterr().out)["dependencies"][0] == {"name": "fresh", "old": "", "new": "3"}


def test_what_looks_secret_is_only_said_to_have_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def variables(password: str) -> dict[str, str]:
        return {
            "API_TOKEN": password,
            "BROKER": f"amqp://ada:{password}@mq",
            "CACHE_URL": "${CACHE_URL}",
            "A": password,
        }

    old = finished(tmp_path / "a", OLD, env=variables("hunter2"), inputs={"lock": f"uv.lock sha256:{'ab' * 32}"})
    new = finished(tmp_path / "b", OLD, env=variables("hunter3") | {"CACHE_URL": "${OTHER}"})
    for words in ((), ("--json",)):
        assert run(["diff", *words, str(old), str(new)]) == 1
        printed = capsys.readouterr().out
        assert "amqp://ada:(hidden)@mq" in printed
        assert ("hunter2" in printed, printed.count("hunter3")) == (True, 1), "of A alone, whose name tells nothing"
        assert "${OTHER}" in printed
    assert run(["diff", str(old), str(new)]) == 1
    printed = capsys.readouterr().out
    assert "  ~ env.API_TOKEN  (hidden) -> (hidden)\n" in printed
    assert "  - lock  uv.lock sha256:abababababababab\n" in printed


def test_a_folder_full_of_changes_is_one_line(tmp_path: Path) -> None:
    old = finished(tmp_path / "a", OLD)
    new = finished(tmp_path / "b", OLD)
    (new / "python-3.11.7").mkdir()
    for number in range(30):
        (new / "python-3.11.7" / f"{number}.py").write_text("x")
    found = difference(read_artifact(old), read_artifact(new))
    assert len([change for change in found.files if change.name.startswith("python-")]) == 30
    assert "  + python-3.11.7/  30 files" in difference_lines(found)
    assert "  - python-3.11.7/  30 files" in difference_lines(difference(read_artifact(new), read_artifact(old)))


def test_what_cannot_be_read_is_trouble_and_not_a_difference(tmp_path: Path) -> None:
    root = finished(tmp_path, OLD)
    assert run(["diff", str(root), str(tmp_path / "missing")]) == 2
