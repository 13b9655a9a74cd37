"""How children are started: descriptors, signals, the lifeline, and errors that arrive in the parent."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from support.waiting import eventually

from releaser.runtime.bundle import listeners, process
from releaser.runtime.release.failures import Failure

# The supervisor has one thread; what runs the tests may have more, and Python 3.15 sees them all.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def run(tmp_path: Path, *argv: str, sockets: tuple[int, ...] = (), kept: tuple[int, ...] = ()) -> tuple[int, str]:
    """Run a program to its end and return its exit code and output."""
    with (tmp_path / "out").open("w+b") as out, Path(os.devnull).open("rb") as nothing:
        child = process.spawn(
            argv,
            ENVIRONMENT,
            cwd=str(tmp_path),
            stdin=nothing.fileno(),
            stdout=out.fileno(),
            stderr=out.fileno(),
            sockets=sockets,
            kept=kept,
        )
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        code = child.reap()
        out.seek(0)
        return code, out.read().decode()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_exit_code_is_the_programs_own_or_128_plus_the_signal(tmp_path: Path, script: str, code: int) -> None:
    assert run(tmp_path, "/bin/sh", "-c", script) == (code, "")


def test_a_program_that_cannot_be_executed_is_an_error_here(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(tmp_path, str(tmp_path / "missing"))
    (tmp_path / "plain").write_text("text")
    with pytest.raises(PermissionError):
        run(tmp_path, str(tmp_path / "plain"))


def test_a_file_without_an_interpreter_line_is_run_by_sh(tmp_path: Path) -> None:
    script = tmp_path / "a script"
    script.write_text("echo from $PWD\n")
    script.chmod(0o755)
    assert run(tmp_path, str(script)) == (0, f"from {tmp_path}\n")


def test_sockets_are_placed_from_descriptor_3_on_with_their_pid(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        script = "echo $LISTEN_PID $$ $1; for d in 3 4 5 6; do readlink /proc/$$/fd/$d; done"
        code, text = run(
            tmp_path, "/bin/sh", "-c", script, "sh", "LIFELINE", sockets=(two.fileno(), one.fileno()), kept=(0,)
        )
    pids, *links = text.splitlines()
    listen_pid, own_pid, lifeline = pids.split()
    assert (code, listen_pid, lifeline) == (0, own_pid, "5")
    assert [link.partition(":")[0] for link in links[:3]] == ["socket", "socket", "pipe"]
    assert len(links) == 4


def test_ignored_signals_are_not_inherited(tmp_path: Path) -> None:
    _, text = run(tmp_path, "/bin/sh", "-c", "grep SigIgn /proc/self/status")
    ordinary = 2**31 - 1  # signals 1 to 31; the others belong to the C library, which lets nobody set 32 and 33
    assert int(text.split()[1], 16) & ordinary == 0


def test_what_is_left_of_a_group_ends_with_its_leader(tmp_path: Path) -> None:
    code, text = run(tmp_path, "/bin/sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!")
    assert code == 0
    eventually(
        lambda: (
            not Path(f"/proc/{text.strip()}").exists() or "zombie" in Path(f"/proc/{text.strip()}/status").read_text()
        )
    )


def test_a_child_that_has_ended_stays_until_it_is_reaped(tmp_path: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    child = process.spawn(["/bin/true"], ENVIRONMENT, cwd="/", stdin=nothing, stdout=nothing, stderr=nothing)
    os.close(nothing)
    eventually(lambda: process.ended_child() == child.pid)
    assert process.ended_child() == child.pid
    assert child.reap() == 0
    assert process.ended_child() == 0
    child.signal(signal.SIGTERM)


def test_all_addresses_that_cannot_be_bound_are_named_and_none_stays_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = f"127.0.0.1:{taken.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            good = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Failure) as caught:
            listeners.bind_all([("web", good), ("admin", busy), ("odd", "nowhere")])
    assert len(caught.value.details) == 2
    again = listeners.bind_all([("web", good)])
    assert again[0].socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    listeners.close_all(again)


def test_a_stale_unix_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/app.sock"
    stale = listeners.bind_all([("web", address)])
    stale[0].socket.close()
    living = listeners.bind_all([("web", address)])
    listeners.listen(living)
    with pytest.raises(Failure, match="cannot bind"):
        listeners.bind_all([("web", address)])
    listeners.close_all(living)
    assert not (tmp_path / "app.sock").exists()
