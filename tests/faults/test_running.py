"""A running release, hit in every state of the supervisor's table: nothing is left behind, and the next start works."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, Running, ended, make_release
from support.waiting import eventually

from releaser.runtime.protocol import frames
from releaser.runtime.release.manifest import Readiness
from releaser.runtime.supervisor import states

APP = """\
import os, signal, time
from pathlib import Path
var = Path(os.environ["RELEASE_VAR"])
held = (var / "hold").read_text() if (var / "hold").exists() else ""
if held == "boot":
    print("held in boot", flush=True)
    time.sleep(300)

def end(*_):
    if held == "drain":
        print("held in drain", flush=True)
        return
    os._exit(0)

def main():
    signal.signal(signal.SIGTERM, end)
    print("up", flush=True)
    while True:
        time.sleep(0.02)
"""
HOLD = """\
#!/bin/sh
[ "$(cat "$RELEASE_VAR/hold" 2>/dev/null)" = "$RELEASE_EVENT" ] || exit 0
echo "held in $RELEASE_EVENT"
sleep 300
"""
HOOKED = ("pre_configure", "post_configure", "pre_start", "post_start", "pre_stop", "post_stop")
HELD = (*HOOKED, "boot", "drain", "running")
"""Every state that lasts; configure, unpack and kill are over before anybody can look, and are hit elsewhere."""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    release = make_release(
        tmp_path / "release",
        tmp_path / "scratch",
        modules={"app.py": APP},
        hooks=[(event, "20-hold", HOLD) for event in HOOKED],
        hook_fields={"timeout_s": 120.0},
        stop_timeout_s=2.0,
        readiness=Readiness(kind="call", target="app:main.__name__.isidentifier", timeout_s=60.0, interval_s=0.02),
    )
    release.var.mkdir()
    with ended(release):
        yield release


def hold(release: Release, state: str) -> Running:
    """Start the release and bring it to `state`, where it stays."""
    (release.var / "hold").write_text(state)
    running = release.begin("foreground")
    if state in ("running", "pre_stop", "drain", "post_stop"):
        running.says("[release] is running")
    if state in ("pre_stop", "drain", "post_stop"):
        running.says("up\n")
        running.signal(signal.SIGTERM)
    if state != "running":
        running.says(f"held in {state}")
    assert release.status()["doing"] == state
    (release.var / "hold").unlink()
    return running


def app_pid(release: Release) -> int | None:
    for instance in release.status()["instances"]:
        found: int | None = instance["pid"]
        return found
    return None


def starts_and_stops(release: Release) -> None:
    """See that the next start is an ordinary one."""
    again = release.foreground()
    report = release.status()
    assert (report["state"], report["pid"]) == ("running", again.pid)
    alive = release.processes()
    assert set(alive) >= {again.pid, report["instances"][0]["pid"]}
    again.signal(signal.SIGTERM)
    assert again.wait() == 0
    assert release.leftovers() == []


def test_the_states_that_are_hit_are_those_of_the_table() -> None:
    over_at_once = {states.CONFIGURE, states.UNPACK, states.KILL, states.ENDED}
    assert set(HELD) == set(states.STATES) - over_at_once


@pytest.mark.parametrize("state", HELD)
@pytest.mark.parametrize("victims", ["supervisor", "both"])
def test_kill_9_of_the_supervisor_in_every_state(release: Release, state: str, victims: str) -> None:
    running = hold(release, state)
    app = app_pid(release)
    running.signal(signal.SIGKILL)
    if victims == "both" and app is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(app, signal.SIGKILL)
    running.wait()
    answer = release.run("status")
    assert (answer.returncode, answer.stdout) == (4, "")
    starts_and_stops(release)


@pytest.mark.parametrize("state", ["boot", "post_start", "running", "pre_stop", "drain"])
def test_kill_9_of_the_app_in_every_state_in_which_it_lives(release: Release, state: str) -> None:
    running = hold(release, state)
    app = app_pid(release)
    assert app is not None
    os.kill(app, signal.SIGKILL)
    assert running.wait() == 137
    assert release.leftovers() == []
    starts_and_stops(release)


@pytest.mark.parametrize("state", HELD)
@pytest.mark.parametrize("numbers", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)], ids=["TERM", "INT-INT"])
def test_signals_in_every_state(release: Release, state: str, numbers: tuple[int, ...]) -> None:
    running = hold(release, state)
    if numbers == (signal.SIGTERM,) and state in ("pre_stop", "post_stop"):
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGINT)  # an end is under way: TERM alone changes nothing
    for number in numbers:
        running.signal(number)
        release.run("ping", "--alive")  # answered after the signal: two of a kind that wait at once are one
    running.wait()
    assert release.leftovers() == []
    starts_and_stops(release)


@pytest.mark.parametrize("state", ["boot", "post_start", "running", "pre_stop", "drain"])
def test_a_stopped_app_is_ended_all_the_same(release: Release, state: str) -> None:
    running = hold(release, state)
    app = app_pid(release)
    assert app is not None
    os.kill(app, signal.SIGSTOP)
    assert release.run("ping").returncode == (4 if state in ("boot", "drain") else 0)
    ends = (signal.SIGINT, signal.SIGINT) if state in ("pre_stop", "drain") else (signal.SIGTERM,)
    for number in ends:
        running.signal(number)
        release.run("ping", "--alive")
    assert running.wait() == (137 if state in ("pre_stop", "drain") else 0)
    starts_and_stops(release)


@pytest.mark.parametrize("state", HELD)
def test_a_stopped_supervisor_goes_on_where_it_was(release: Release, state: str) -> None:
    running = hold(release, state)
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGCONT):
        running.signal(number)
    release.run("ping", "--alive")
    running.signal(signal.SIGINT)
    running.wait()
    assert release.leftovers() == []
    starts_and_stops(release)


def connected(release: Release, name: str = "control.sock") -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(str(release.var / "run" / name))
    return client


@pytest.mark.parametrize("name", ["control.sock", "agent.sock"])
@pytest.mark.parametrize("sent", [b"?", b"?\0\0\0\x05ping", b"?\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", b""])
def test_rubbish_on_a_socket_harms_nobody(release: Release, name: str, sent: bytes) -> None:
    running = hold(release, "running")
    with connected(release, name) as client:
        client.sendall(sent)
        assert release.run("ping").returncode == 0
        assert release.run("rpc", "os:getpid").stdout == f"{app_pid(release)}\n"
    assert running.process.poll() is None


@pytest.mark.parametrize("name", ["control.sock", "agent.sock"])
def test_clients_that_never_read_harm_nobody(release: Release, name: str) -> None:
    running = hold(release, "running")
    request = frames.encode_request("rpc", "text", "builtins:range", "0") if name == "agent.sock" else b""
    clients = [connected(release, name) for _ in range(20)]
    for client in clients:
        client.sendall(request or frames.encode_request("status", "--json"))
    assert release.run("ping").returncode == 0
    assert release.run("rpc", "os:getpid").stdout == f"{app_pid(release)}\n"
    for client in clients:
        client.close()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0


def test_a_hook_that_floods_its_output_and_ignores_sigterm_is_ended(release: Release) -> None:
    script = "#!/bin/sh\ntrap '' TERM\nwhile :; do echo flood; done\n"
    (release.root / "releases/1.0.0/hooks/pre_start.d/20-hold").write_text(script)
    running = release.begin("foreground")
    running.says("flood")
    assert release.run("status").returncode == 0
    running.signal(signal.SIGINT)
    running.says("stops (SIGINT)")
    running.wait()
    assert release.leftovers() == []


def test_a_full_disk_at_the_start_is_told_and_leaves_nothing(release: Release) -> None:
    if os.getuid() != 0:
        pytest.skip("needs to mount")
    fill = 'mount -t tmpfs -o size=16k none "$0" && (cat /dev/zero >"$0"/full 2>/dev/null || :)'
    release.shell = ("unshare", "--mount", "sh", "-c", f'{fill} && exec "$@"', str(release.var))
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "No space left on device" in running.errors()
    assert "now: nothing was started" in running.errors()
    release.shell = ()
    starts_and_stops(release)


def test_no_deadline_hangs_on_the_wall_clock() -> None:
    """A clock that is set, forward or back, must not end or stretch a wait: the runtime never asks what time it is."""
    runtime = Path(states.__file__).parents[1]
    paths = [path.relative_to(runtime).as_posix() for path in runtime.rglob("*.py") if "time.time(" in path.read_text()]
    assert [path for path in paths if not path.startswith("migrations/")] == []


def test_a_thousand_clients_at_once_do_not_keep_it_from_answering(release: Release) -> None:
    running = hold(release, "running")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    clients: list[socket.socket] = []
    try:
        for _ in range(1000):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            client.connect(str(release.var / "run" / "control.sock"))
            clients.append(client)
        eventually(lambda: release.run("ping").returncode == 0, within=30)
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert running.process.poll() is None


def test_a_supervisor_without_descriptors_recovers(release: Release) -> None:
    release.shell = ("sh", "-c", 'ulimit -n 24; exec "$@"', "sh")
    running = hold(release, "running")
    release.shell = ()
    clients = [connected(release) for _ in range(40)]
    for client in clients:
        client.close()
    eventually(lambda: release.run("ping").returncode == 0, within=30)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0


def test_a_hook_that_daemonizes_does_not_hold_up_the_start(release: Release) -> None:
    script = "#!/bin/sh\n(setsid sleep 300 &)\necho gone\n"
    (release.root / "releases/1.0.0/hooks/pre_start.d/20-hold").write_text(script)
    running = release.foreground()
    assert "[pre_start 20-hold] gone" in running.output()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0


def test_a_socket_file_of_another_user_is_replaced_by_root(release: Release) -> None:
    if os.getuid() != 0:
        pytest.skip("needs another user")
    run = release.var / "run"
    run.mkdir(mode=0o700)
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(run / "control.sock"))
    stale.close()
    os.chown(run / "control.sock", 65534, 65534)
    starts_and_stops(release)
