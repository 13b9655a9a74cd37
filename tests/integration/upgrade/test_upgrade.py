"""`upgrade` and `rollback` of releases that were really built, through their launcher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.running import Release, ended
from support.two_versions import SOCKET, unpacked_by_tar
from support.waiting import eventually

Archive = Callable[..., Path]


def get(release: Release) -> list[str]:
    """Return the words that the server answers: its version's word, its pid, its greeting."""
    url = f"http://127.0.0.1:{release.env['PORT']}/"
    return eventually(lambda: httpx.get(url, trust_env=False)).text.split(" ")


def add(release: Release, archive: Path) -> None:
    answer = release.run("unpack", str(archive))
    assert answer.returncode == 0, answer.stderr


def notes(release: Release) -> list[str]:
    path = release.var / "notes"
    return path.read_text().splitlines() if path.exists() else []


def current(release: Release) -> str:
    return (release.var / "current").read_text().strip()


BOTH = ["pre_upgrade 2.0.0 1.0.0 2.0.0", "post_upgrade 2.0.0 1.0.0 2.0.0"]


def test_a_stopped_release_is_switched_and_the_next_start_runs_the_new_version(
    release: Release, archive: Archive
) -> None:
    add(release, archive("2.0.0", "two"))
    answer = release.run("upgrade", "2.0.0")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "tiny 2.0.0 is current; it does not run, `tiny start` starts it\n"
    assert notes(release) == BOTH
    assert current(release) == "2.0.0"
    release.foreground()
    assert get(release)[0] == "two"
    assert release.run("stop").returncode == 0
    answer = release.run("rollback")
    assert answer.returncode == 0, answer.stderr
    assert current(release) == "1.0.0"
    assert release.run("version").stdout == "1.0.0\n"


def test_a_running_release_changes_its_version_under_the_same_supervisor(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two"))
    running = release.foreground()
    word, pid, _ = get(release)
    assert word == "one"
    answer = release.run("upgrade", "2.0.0")
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stderr
    assert "[release] starts 2.0.0 beside 1.0.0\n[release] 2.0.0 is ready after" in answer.stdout
    assert answer.stdout.endswith("tiny 2.0.0 runs; 1.0.0 has ended\n")
    assert get(release)[0] == "two"
    assert not Path(f"/proc/{pid}").exists()
    assert notes(release) == BOTH
    assert current(release) == "2.0.0"
    status = release.status()
    assert (status["version"], status["pid"]) == ("2.0.0", running.pid)
    assert [hook["event"] for hook in status["hooks"]] == ["pre_upgrade", "post_upgrade"]
    assert release.run("rpc", "tiny.app:version").stdout == "two\n"
    assert "releases/2.0.0/runtime/__main__.py" in release.processes()[running.pid]
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


def test_upgrade_after_upgrade_and_back(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two"))
    running = release.foreground()
    for word, words in (
        ("two", ("upgrade", "2.0.0")),
        ("one", ("rollback",)),
        ("two", ("rollback",)),
        ("one", ("upgrade", "1.0.0")),
    ):
        answer = release.run(*words)
        assert answer.returncode == 0, answer.stderr
        assert get(release)[0] == word
    descriptors = len(list(Path(f"/proc/{running.pid}/fd").iterdir()))
    assert release.run("rollback").returncode == 0
    assert len(list(Path(f"/proc/{running.pid}/fd").iterdir())) == descriptors
    running.signal(15)
    assert running.wait() == 0
    assert release.leftovers() == []


@pytest.mark.parametrize(
    ("word", "why"),
    [("broken", "the new instance exited with 1"), ("never", "the new instance did not become ready in 1 s")],
)
def test_a_version_that_does_not_become_ready_is_rolled_back_and_the_old_one_has_noticed_nothing(
    release: Release, archive: Archive, word: str, why: str
) -> None:
    add(release, archive("2.0.0", word, timeout="1s" if word == "never" else "60s"))
    running = release.foreground()
    before = get(release)
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 1
    assert f"error: upgrade from 1.0.0 to 2.0.0 was rolled back: {why}" in answer.stderr
    assert f"now: 1.0.0 (pid {before[1]}) never stopped serving" in answer.stderr
    assert get(release) == before
    assert notes(release) == BOTH[:1]
    assert not (release.var / "current").exists()
    assert release.run("rpc", "tiny.app:version").stdout == "one\n"
    assert release.status()["version"] == "1.0.0"
    assert len(release.status()["instances"]) == 1
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


def test_start_goes_on_with_its_log_and_its_arguments(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two"))
    assert release.run("start").returncode == 0
    pid = release.run("pid").stdout
    assert release.run("upgrade", "2.0.0").returncode == 0
    assert release.run("pid").stdout == pid
    eventually(lambda: "two serves" in release.run("logs").stdout)
    assert "one serves" in release.run("logs").stdout
    assert release.run("restart").returncode == 0
    assert get(release)[0] == "two"
    assert release.run("stop").returncode == 0
    assert release.leftovers() == []


def test_a_failed_pre_upgrade_hook_leaves_the_old_version_alone(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two", hooks="#!/bin/sh\necho no room\nexit 7\n"))
    release.foreground()
    before = get(release)
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 1
    assert "[pre_upgrade 20-hook] no room" in answer.stdout
    assert "the pre_upgrade hook 20-hook exited with 7" in answer.stderr
    assert "now: 1.0.0 goes on" in answer.stderr
    assert get(release) == before
    assert not (release.var / "current").exists()


def test_what_cannot_be_upgraded_to_is_refused_before_anything_happens(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two"))
    release.foreground()
    assert "did you mean '2.0.0'?" in release.run("upgrade", "2.0.1").stderr
    answer = release.run("upgrade", "1.0.0")
    assert (answer.returncode, answer.stdout) == (0, "tiny 1.0.0 runs already; nothing was changed\n")
    assert "there was no upgrade" in release.run("rollback").stderr
    (release.root / "releases/2.0.0/hooks/pre_upgrade.d/20-hook").write_text("changed\n")
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 3
    assert "hooks/pre_upgrade.d/20-hook: changed" in answer.stderr
    (release.root / "releases/2.0.0/manifest.json").unlink()
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 3
    assert "releases/2.0.0 is not complete" in answer.stderr
    assert notes(release) == []
    assert get(release)[0] == "one"


def test_required_variables_of_the_new_version_are_asked_for_first(release: Release, archive: Archive) -> None:
    add(release, archive("2.0.0", "two", settings=SOCKET + 'required_env = ["TOKEN"]\n'))
    release.foreground()
    answer = release.run("upgrade", "2.0.0", env={**release.env, "TOKEN": "of the operator, not of the service"})
    assert answer.returncode == 3
    assert "TOKEN: not set, and listed in required_env" in answer.stderr
    (release.root / "releases/2.0.0/env.sh").write_text("TOKEN=1\nGREETING=welcome\n")
    assert release.run("upgrade", "2.0.0").returncode == 0
    assert get(release)[2] == "welcome"


def test_without_sockets_the_old_version_is_stopped_first(archive: Archive, tmp_path: Path) -> None:
    plain = {"settings": ""}
    release = unpacked_by_tar(archive("1.0.0", "one", **plain), tmp_path / "a place")
    with ended(release):
        add(release, archive("2.0.0", "two", **plain))
        add(release, archive("3.0.0", "broken", **plain))
        running = release.foreground()
        answer = release.run("upgrade", "2.0.0")
        assert answer.returncode == 0, answer.stderr
        assert "[release] has no sockets of its own: stops 1.0.0, then starts 2.0.0\n" in answer.stdout
        assert get(release)[0] == "two"
        answer = release.run("upgrade", "3.0.0")
        assert answer.returncode == 1
        assert "rolled back: the new instance exited with 1" in answer.stderr
        assert "runs again" in answer.stderr
        assert get(release)[0] == "two"
        assert current(release) == "2.0.0"
        assert release.run("rpc", "tiny.app:version").stdout == "two\n"
        assert release.run("stop").returncode == 0
        assert running.wait() == 0
        assert release.leftovers() == []
