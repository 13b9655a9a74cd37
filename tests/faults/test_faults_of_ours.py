"""Faults of releaser itself, put into the runtime of a release that runs: nothing but its own end ends what serves."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, ended, make_release
from support.waiting import eventually

from releaser.runtime.protocol import frames
from releaser.runtime.release.manifest import Heart, Liveness, Log, Readiness, Socket

RUNTIME = Path(frames.__file__).parents[1]
APP = """\
import os, signal, time

told = []

def main():
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    print("up", flush=True)
    while not told:
        time.sleep(0.02)

def is_alive():
    return True

def pid():
    return os.getpid()
"""
SABOTAGE = """

def _sabotaged(original):
    import os

    def stand_in(*args, **kwargs):
        folder = {folder!r}
        if not os.path.exists(folder + "/is_on"):
            return original(*args, **kwargs)
        with open(folder + "/count", "a") as file:
            file.write("x")
        raise {error}

    return stand_in


{name} = _sabotaged({name})
"""
POINTS = {
    "supervisor/control/clients": [
        "Control.accept",
        "Control.serve",
        "Control._read",
        "Control.close_overdue",
        "Control.watched",
    ],
    "supervisor/control/answers": ["Requests.answer"],
    "supervisor/control/restarting": ["Restarting.begin", "Restarting.take_ready"],
    "supervisor/control/status": ["gather", "as_json"],
    "supervisor/running": ["Running.is_serving"],
    "supervisor/keeping/news": ["News.became_ready", "News.was_lost"],
    "supervisor/keeping/probing": ["Probing.watched", "Probing.take_notification"],
    "supervisor/keeping/watch": ["Watch.pass_deadline", "Watch.watched", "Watch._advance", "Watch._judge"],
    "supervisor/keeping/pulse": ["Pulse.pass_deadline", "Pulse.watched", "Pulse._advance"],
    "supervisor/keeping/readiness": ["Probe.__init__", "Probe.advance", "Probe._read"],
    "supervisor/keeping/keeper": [
        "Keeper.watched",
        "Keeper.deadlines",
        "Keeper.pass_deadlines",
        "Keeper._take_notifications",
        "Keeper._decide",
        "Keeper.step_aside",
        "Keeper.take_over",
        "Keeper.begin",
        "Keeper.state",
    ],
    "supervisor/keeping/last_line": ["LastLine.read"],
    "supervisor/keeping/workers": ["Workers.pass_deadline", "Workers.take"],
    "supervisor/keeping/processes": ["children_of"],
    "supervisor/keeping/own_sockets": ["OwnSockets.unlink_agent"],
    "supervisor/keeping/leaving": ["Leaving.begin", "Leaving.pass_deadlines"],
    "supervisor/keeping/starter": ["Starter.start"],
    "bundle/launch": ["start_instance"],
    "supervisor/hooks/jobs": ["Jobs.watched", "Jobs.pass_deadlines", "Jobs.take_ended", "Job.read"],
    "supervisor/hooks/hook": ["HookRun.__init__", "HookRun.take", "HookRun.problem"],
    "supervisor/hooks/hook_queue": ["HookQueue.run", "HookQueue.take_ended", "HookQueue._finish"],
    "supervisor/telling/output": ["Output.flush"],
    "supervisor/telling/logger": ["Logger.relieve", "Logger.take_ended", "Logger._start"],
    "supervisor/telling/systemd": ["Upward.pass_deadline", "Upward._tell", "Upward.watched", "Upward.begin_reload"],
    "bundle/process": ["ended_child"],
    "release/versions": ["switch"],
    "bundle/listeners": ["listen", "close_all"],
    "supervisor/generation": ["Generation.make_keepers", "Generation.begin", "Generation.is_ready"],
    "supervisor/upgrade/new_generation": ["make_generation", "make_listeners"],
    "supervisor/upgrade/steps": ["after"],
    "supervisor/upgrade/upgrading": [
        "Upgrade._begin",
        "Upgrade._start_new",
        "Upgrade._see_to_what_is_due",
        "Upgrade._take_ready",
        "Upgrade._write_current",
        "Upgrade._terminate_old",
        "Upgrade._take_lost",
        "Upgrade._run_hooks",
        "Upgrade._take_end_of_hooks",
        "Upgrade._roll_back",
        "Upgrade._stand_alone",
        "Upgrade._happen",
    ],
    "supervisor/upgrade/ends": ["Ends.well", "Ends._answer"],
    "supervisor/upgrade/switching": ["Switching.begin", "Switching.run_upgrade_hooks"],
    "supervisor/upgrade/handover": ["Handover._execute_anew"],
    "supervisor/upgrade/reexecution": ["execute", "Held.__init__"],
}
GONE = "ImportError('the module is gone')"
NO_ROOM = "OSError(28, 'no room')"
ALL_POINTS = [
    *((module, name, GONE) for module, names in POINTS.items() for name in names),
    ("bundle/launch", "start_instance", NO_ROOM),
    ("supervisor/telling/logger", "Logger._start", NO_ROOM),
    ("supervisor/upgrade/new_generation", "make_listeners", NO_ROOM),
    ("supervisor/upgrade/reexecution", "execute", NO_ROOM),
]
POINTS_TRIED = ALL_POINTS if os.environ.get("RELEASER_ALL_TESTS") else ALL_POINTS[::4]
"""A quarter of them, or all with RELEASER_ALL_TESTS: each takes seconds."""
MOST_FAULTS = 400
"""Far from what a loop that spins makes of the seconds that a test takes."""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """Return a release of two versions with hooks, probes and a log; the first one is to be started."""
    note = "#!/bin/sh\necho noted\n"
    for version in ("1.0.0", "2.0.0"):
        release = make_release(
            tmp_path / "release",
            tmp_path / "scratch",
            modules={"app.py": APP},
            version=version,
            hooks=[("post_upgrade", "20-note", note), ("pre_stop", "20-note", note)],
            stop_timeout_s=20.0,
            sockets=[Socket(name="web", address="127.0.0.1:0")],
            readiness=Readiness(kind="call", target="app:is_alive", timeout_s=30.0, interval_s=0.02),
            liveness=Liveness(kind="call", target="app:is_alive", interval_s=0.05, failures=3),
            heart=Heart(is_on=True, restarts=1000, backoff_s=0.02, backoff_max_s=0.02),
            log=Log(),
        )
    (release.root / "releases/default").write_text("1.0.0\n")
    release.var.mkdir()
    with ended(release):
        yield release


def sabotage(release: Release, module: str, name: str, error: str) -> Path:
    """Have a function of the first version's runtime raise while the file `is_on` in the folder returned is there."""
    folder = release.scratch / "sabotage"
    folder.mkdir()
    path = release.root / "releases/1.0.0/runtime" / f"{module}.py"
    path.write_text(path.read_text() + SABOTAGE.format(folder=str(folder), name=name, error=error))
    return folder


def ask(release: Release, *words: str, name: str = "control.sock") -> list[tuple[bytes, bytes]]:
    """Ask without `bin/NAME`; an empty list: it was hung up, or refused."""
    found = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(release.var / "run" / name))
            client.sendall(frames.encode_request(*words))
            while piece := client.recv(65536):
                found += piece
        except OSError:
            return []
    return frames.Decoder().feed(found)


def is_serving(release: Release) -> bool:
    return ask(release, "ping")[-1:] == [(frames.EXIT, b"0")]


def app_pid(release: Release) -> int:
    found = ask(release, "rpc", "text", "app:pid", name="agent.sock")
    return int(found[0][1]) if found and found[-1] == (frames.EXIT, b"0") else 0


def supervisor(release: Release) -> int:
    return int((release.var / "run/pid").read_text())


def exercise(release: Release) -> None:
    """Have the supervisor do all that it does; how each of these ends is not what matters."""
    for words in (("ping",), ("status", "--json"), ("dance",), ("restart", "nobody"), ("environ",)):
        ask(release, *words)
    pid = app_pid(release)
    os.kill(pid, signal.SIGKILL)
    logger = next((pid for pid, line in release.processes().items() if " _log " in line), 0)
    if logger:
        os.kill(logger, signal.SIGKILL)
    upgrade = release.begin("upgrade", "2.0.0")
    try:
        upgrade.process.wait(5)
    except subprocess.TimeoutExpired:
        upgrade.process.kill()


@pytest.mark.parametrize(
    ("module", "name", "error"), POINTS_TRIED, ids=[f"{module}.{name}" for module, name, _ in POINTS_TRIED]
)
def test_whatever_raises_in_the_supervisor_the_release_goes_on(
    release: Release, module: str, name: str, error: str
) -> None:
    folder = sabotage(release, module, name, error)
    started = release.run("start")
    assert started.returncode == 0, started.stderr
    pid = supervisor(release)
    eventually(lambda: app_pid(release))
    (folder / "is_on").write_text("")
    exercise(release)
    (folder / "is_on").unlink()
    log = release.var / "log/app.log"
    eventually(lambda: is_serving(release) and app_pid(release), within=40)
    assert supervisor(release) == pid, log.read_text()
    count = len((folder / "count").read_text()) if (folder / "count").exists() else 0
    assert count < MOST_FAULTS
    eventually(lambda: release.status()["upgrade"] is None, within=40)
    assert release.run("upgrade", "2.0.0").returncode == 0, log.read_text()
    assert release.status()["version"] == "2.0.0"
    assert release.run("stop").returncode == 0
    assert [left for left in release.leftovers() if not left.startswith("/")] == [], "a process, or the lock"


def late_imports() -> dict[str, set[str]]:
    """Return the modules of the runtime that a supervisor imports when it needs them, by the module that does.

    What is loaded before it serves is asked of a process that imports all that `foreground` and an upgrade import.
    """
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import releaser.runtime.supervisor.foreground, releaser.runtime.supervisor.telling.logger\n"
        "print(*(name for name in sys.modules if name.startswith('releaser.runtime')))"
    )
    argv = [sys.executable, "-I", "-c", code, str(RUNTIME.parents[1])]
    loaded = set(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split())
    paths = {
        f"releaser.{'.'.join(path.relative_to(RUNTIME.parent).with_suffix('').parts)}": path
        for path in RUNTIME.rglob("*.py")
    }
    found: dict[str, set[str]] = {}
    for module in sorted(loaded & set(paths)):
        for node in ast.walk(ast.parse(paths[module].read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = ".".join([*module.split(".")[: -node.level], *([node.module] if node.module else [])])
                names = {base, *(f"{base}.{alias.name}" for alias in node.names)}
                if late := names & set(paths) - loaded:
                    found.setdefault(_short(module), set()).update(map(_short, late))
    return found


def _short(module: str) -> str:
    return module.removeprefix("releaser.runtime.")


NEVER_WHILE_IT_SERVES = {
    "supervisor.configuring": {"bundle.activation"},  # before anything runs
    "supervisor.starting": {"bundle.activation"},  # the same
    "bundle.providers": {
        "bundle.activation",
        "bundle.calls",
        "bundle.loops",
        "release.tracebacks",
    },  # in its own process
    "release.faults": {"release.tracebacks"},  # in the app alone
}
"""What a supervisor does not need any more once the release runs."""


def test_a_supervisor_that_serves_has_all_of_its_runtime_in_memory() -> None:
    assert late_imports() == NEVER_WHILE_IT_SERVES


def test_a_release_whose_runtime_is_gone_goes_on_and_can_be_upgraded(release: Release) -> None:
    started = release.run("start")
    assert started.returncode == 0, started.stderr
    pid = supervisor(release)
    shutil.rmtree(release.root / "releases/1.0.0")
    for words in (("ping",), ("status", "--json"), ("restart", "nobody"), ("environ",)):
        assert ask(release, *words)[-1][1] in (b"0", b"4")
    answered = ask(release, "rpc", "text", "app:pid", name="agent.sock")
    assert answered[-1][1] in (b"0", b"70")  # of what the app itself imports late, some may be gone
    done = release.run("upgrade", "2.0.0")
    assert done.returncode == 0, done.stderr
    assert release.status()["version"] == "2.0.0"
    assert supervisor(release) == pid
    assert app_pid(release)


@pytest.mark.parametrize(
    "module",
    [
        "instance/agent_console",
        "bundle/calls",
        "instance/drain",
        "bundle/hubs",
        "progress",
        "release/tracebacks",
    ],
)
def test_whichever_module_cannot_be_imported_any_more_a_caller_of_the_app_is_answered(
    release: Release, module: str
) -> None:
    started = release.run("start")
    assert started.returncode == 0, started.stderr
    (release.root / "releases/1.0.0/runtime" / f"{module}.py").write_text("raise ImportError('damaged')\n")
    for words in (
        ("rpc", "text", "app:pid"),
        ("rpc", "json", "app:nobody", "1"),
        ("ask", "app:is_alive"),
        ("drain", "1", "replaced"),
        ("reload", "A=1"),
        ("dance",),
        *([("console",)] if module == "agent_console" else []),
    ):
        found = ask(release, *words, name="agent.sock")
        assert found, words
        assert found[-1][0] == frames.EXIT, words
    assert is_serving(release)
    assert ask(release, "ping", name="agent.sock") == [(frames.EXIT, b"0")]
