"""What the build side asks of other programs, and what it writes for them: git, interpreters, sh."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from releaser.build.release.launcher import TEMPLATE, render
from releaser.build.release.scripts import wrapper
from releaser.plan.project.application import application_files
from releaser.plan.project.git import read_git
from releaser.plan.project.interpreter import interpreter_in, this_interpreter
from releaser.plan.steps import Script


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("shebang", [(), ("/bin/sh", "-e")])
def test_a_source_without_executable_bit_is_run_by_its_interpreter(tmp_path: Path, shebang: tuple[str, ...]) -> None:
    source = write(tmp_path / "it's a hook", 'echo "$# $1" "$-"\n')
    script = Script(source=source, to="hooks/x", executable=False, shebang=shebang)
    runner = write(tmp_path / "runner", wrapper(script))
    answer = subprocess.run(["sh", runner, "two words"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("1 two words")
    assert ("e" in answer.stdout.split()[-1]) is bool(shebang)


def test_the_launcher_is_a_script_that_sh_can_read() -> None:
    text = render(TEMPLATE.read_text(encoding="utf-8"), "shop", "1.0.0")
    assert text.startswith("#!/bin/sh\n")
    assert "{{" not in text
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_git_says_revision_and_dirtiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert read_git(tmp_path) is None
    write(tmp_path / "file", "one")
    user = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "file"], [*user, "commit", "-q", "-m", "one"], ["tag", "v1.0"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    git = read_git(tmp_path)
    assert git is not None
    assert (git.description, git.dirty, len(git.revision)) == ("v1.0", False, 40)
    write(tmp_path / "file", "two")
    git = read_git(tmp_path)
    assert git is not None
    assert (git.description, git.dirty) == ("v1.0-dirty", True)


def test_git_says_that_a_shallow_clone_may_hide_the_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    user = ["-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"]
    empty = [*user, "commit", "-q", "--allow-empty", "-m"]
    subprocess.run(["git", "init", "-q", origin], check=True)
    for words in ([*empty, "one"], ["tag", "v1.0"], [*empty, "two"]):
        subprocess.run(["git", "-C", origin, *words], check=True)
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{origin}", clone], check=True)

    shallow = read_git(clone)
    subprocess.run(["git", "-C", clone, "fetch", "-q", "--unshallow", "--tags"], check=True)
    whole = read_git(clone)
    subprocess.run(["git", "-C", clone, "tag", "-d", "v1.0"], check=True, stdout=subprocess.DEVNULL)
    without_tags = read_git(clone)

    assert shallow is not None
    assert whole is not None
    assert without_tags is not None
    assert shallow.hides_tags
    assert shallow.revision.startswith(shallow.description)
    assert (whole.hides_tags, whole.description.rpartition("-")[0]) == (False, "v1.0-1")
    assert not without_tags.hides_tags


def test_an_interpreter_is_asked_by_running_it(tmp_path: Path) -> None:
    assert interpreter_in(tmp_path) is None
    own = this_interpreter()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(own.path)
    found = interpreter_in(tmp_path)
    assert found is not None
    assert (found.version, found.full_version, found.platform) == (own.version, own.full_version, own.platform)


def test_what_git_ignores_is_no_part_of_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("app.py", "local.py", "shop/a.py", "shop/old.log", "media/b.png", "static/c.css"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "")
    write(tmp_path / ".gitignore", "/media/\n*.log\nlocal.py\n")
    everything = set(application_files(tmp_path))
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    assert set(application_files(tmp_path)) == {"app.py", "shop/a.py", "static/c.css"}
    assert everything - {"app.py", "shop/a.py", "static/c.css"} == {"local.py", "shop/old.log", "media/b.png"}
