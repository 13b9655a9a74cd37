"""The log of `start`: rotated, never in the app's way, and shown."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import SERVER, Make, Release, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Log, Socket
from releaser.runtime.supervisor.telling.logger import RotatedFile

CHATTY = """\
import sys, time
def say(count):
    for number in range(int(count)):
        print("line", number, "x" * 80)
    return "said"
def main():
    while True: time.sleep(0.05)
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield lambda code=CHATTY, **options: make_one(modules={"app.py": code}, **options)


def log_of(release: Release) -> str:
    return (release.var / "log" / "app.log").read_text()


def start(release: Release) -> None:
    answer = release.run("start")
    assert answer.returncode == 0, answer.stderr


def logger_of(release: Release) -> int:
    return next(pid for pid, line in release.processes().items() if " _log " in line)


def test_what_a_running_release_writes_is_for_its_owner_alone(make: Make) -> None:
    release = make(log=Log(size_bytes=20_000, count=3), hooks=[("post_start", "20-up", "echo up")])
    start(release)
    release.run("rpc", "app:say", "300")
    eventually(lambda: (release.var / "log" / "app.log.1").exists())
    folders = [release.var / "run", release.var / "log"]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]
    written = [release.var / "python", *(path for folder in folders for path in folder.iterdir())]
    modes = {path.name: path.stat().st_mode & 0o777 for path in written}
    assert {"pid", "python", "lock", "control.sock", "agent.sock", "app.log", "app.log.1"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode != 0o600} == {}


def test_files_are_rotated_by_size_and_the_oldest_goes(make: Make) -> None:
    release = make(log=Log(size_bytes=20_000, count=3))
    start(release)
    assert release.run("rpc", "app:say", "2000").stdout == "said\n"
    eventually(lambda: "line 1999 " in log_of(release))
    assert release.run("stop").returncode == 0
    names = sorted(path.name for path in (release.var / "log").iterdir())
    assert names == ["app.log", "app.log.1", "app.log.2"]
    assert all((release.var / "log" / name).stat().st_size < 100_000 for name in names)
    assert (release.var / "log" / "app.log").stat().st_mode & 0o777 == 0o600
    assert release.leftovers() == []


def test_the_last_lines_of_a_release_are_in_the_log(make: Make) -> None:
    release = make(SERVER, sockets=[Socket(name="web", address="127.0.0.1:0")])
    start(release)
    eventually(lambda: "serving" in log_of(release))
    release.run("stop")
    assert log_of(release).splitlines()[-2:] == ["served", "[release] has stopped"]


def test_a_logger_that_is_killed_is_replaced_and_the_app_goes_on(make: Make) -> None:
    release = make()
    start(release)
    first = logger_of(release)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: any(" _log " in line and pid != first for pid, line in release.processes().items()))
    assert release.run("rpc", "app:say", "3").stdout == "said\n"
    eventually(lambda: "line 2 " in log_of(release))
    assert release.run("ping").returncode == 0


def test_a_logger_that_hangs_does_not_hold_up_the_app_and_what_was_dropped_is_counted(make: Make) -> None:
    release = make()
    start(release)
    logger = logger_of(release)
    os.kill(logger, signal.SIGSTOP)
    assert release.run("rpc", "app:say", "5000").stdout == "said\n"
    assert release.run("ping").returncode == 0
    os.kill(logger, signal.SIGCONT)
    eventually(lambda: "lines were dropped here: the log is not written" in log_of(release))
    assert release.run("rpc", "app:say", "1").stdout == "said\n"
    assert release.run("stop").returncode == 0
    assert release.leftovers() == []


def test_a_full_disk_does_not_reach_the_app_and_what_was_dropped_is_counted(make: Make, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs to mount")
    release = make()
    small = tmp_path / "small"
    small.mkdir()
    (release.var / "log").mkdir(parents=True, mode=0o700)
    script = f"mount -t tmpfs -o size=64k none '{release.var}/log' && exec \"$@\""
    release.shell = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")
    start(release)
    release.shell = ()
    assert release.run("rpc", "app:say", "2000").stdout == "said\n"
    log = Path(f"/proc/{logger_of(release)}/root{release.var}/log/app.log")
    eventually(lambda: log.stat().st_size >= 60_000)
    os.truncate(log, 0)
    assert release.run("rpc", "app:say", "1").stdout == "said\n"
    eventually(lambda: "lines were dropped here: No space left on device" in log.read_text())
    assert release.run("ping").returncode == 0


def test_logs_shows_the_end_and_only_hooks_when_asked(make: Make) -> None:
    release = make(hooks=[("post_start", "20-up", "echo from the hook")])
    start(release)
    release.run("rpc", "app:say", "200")
    eventually(lambda: "line 199 " in log_of(release))
    assert len(release.run("logs").stdout.splitlines()) == 100
    assert release.run("logs", "-n", "2").stdout.splitlines()[-1].startswith("line 199 ")
    assert release.run("logs", "--hooks").stdout == "[post_start 20-up] from the hook\n"
    assert release.run("logs", "--hoks").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("logs", "-n", "-1"),
        ("logs", "-n", "9" * 5000),
        ("logs", "-n", "\N{SUPERSCRIPT TWO}"),
        ("logs", "-n", ""),
        ("logs", "-n", "x", "-f"),
        ("logs", "-n"),
        ("generate", "systemd", "--user", "-x"),
        ("generate", "systemd", "--output", ""),
        ("generate", "systemd", "--user"),
        ("migrate", "--to", "+" + "9" * 5000),
        ("migrate", "--to", "+\N{ARABIC-INDIC DIGIT TWO}"),
        ("migrate", "--lock-wait", "\N{SUPERSCRIPT TWO}s"),
        ("rpc", "--timeout", "\N{SUPERSCRIPT TWO}", "app:main"),
        ("stop", "--timeout", "\N{SUPERSCRIPT TWO}s"),
    ],
    ids=lambda words: ascii(" ".join(words))[:40],
)
def test_a_word_that_an_option_does_not_take_is_refused(make: Make, words: tuple[str, ...]) -> None:
    answer = make().run(*words)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("error: ")


def test_logs_follows_through_a_rotation_until_ctrl_c(make: Make) -> None:
    release = make(log=Log(size_bytes=20_000, count=3))
    start(release)
    following = release.begin("logs", "-f", "-n", "0")
    eventually(lambda: release.run("rpc", "app:say", "1").stdout and "line 0 " in following.output())
    for _ in range(3):
        release.run("rpc", "app:say", "150")
    eventually(lambda: following.output().count("line 149 ") >= 1)
    following.signal(signal.SIGINT)
    assert following.wait() == 130


def test_without_a_log_it_says_so(make: Make) -> None:
    answer = make().run("logs")
    assert answer.returncode == 1
    assert answer.stderr == "error: app has no log: it was never run by `app start`\n"


def says(release: Release, word: str) -> None:
    assert release.run("rpc", "builtins:print", word).returncode == 0


def test_a_log_that_was_renamed_removed_or_cut_goes_on_under_its_name(make: Make) -> None:
    release = make()
    start(release)
    log = release.var / "log" / "app.log"
    for number, step in enumerate(
        (lambda: log.rename(log.with_name("app.log-2026")), log.unlink, lambda: os.truncate(log, 0))
    ):
        step()
        says(release, f"after {number}")
        eventually(lambda number=number: log.exists() and f"after {number}\n" in log_of(release))  # type: ignore[misc]
    assert log_of(release).startswith("after 2")
    assert log.stat().st_mode & 0o777 == 0o600
    assert release.run("logs").stdout == log_of(release)


def test_a_log_whose_folder_was_removed_is_made_anew(make: Make) -> None:
    release = make()
    start(release)
    (release.var / "log" / "app.log").unlink()
    (release.var / "log").rmdir()
    says(release, "made anew")
    eventually(lambda: (release.var / "log" / "app.log").exists() and "made anew\n" in log_of(release))
    assert (release.var / "log").stat().st_mode & 0o777 == 0o700


def test_a_log_that_is_gone_is_not_told_as_one_that_never_was(make: Make) -> None:
    release = make()
    start(release)
    release.run("stop")
    (release.var / "log" / "app.log").unlink()
    answer = release.run("logs")
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"error: the log is gone: {release.var}/log/app.log\n")
    assert "never run" not in answer.stderr


def test_following_goes_on_through_a_log_that_is_cut_in_place(make: Make) -> None:
    release = make()
    start(release)
    log = release.var / "log" / "app.log"
    following = release.begin("logs", "-f")
    eventually(lambda: "is running" in following.output())
    os.truncate(log, 0)
    says(release, "x")
    eventually(lambda: following.output().endswith("x\n"))


def test_one_file_only_is_begun_anew(tmp_path: Path) -> None:
    file = RotatedFile(str(tmp_path / "log"), 10, 1)
    for word in (b"first\n", b"second\n", b"third\n"):
        file.write(word)
    assert (tmp_path / "log").read_bytes() == b"third\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
