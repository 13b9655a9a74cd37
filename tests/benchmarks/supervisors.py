"""What it costs to be supervised: `python tests/benchmarks/supervisors.py [ROUNDS]` prints ratios.

The same twenty-line app (examples/hello) under a release, supervisord and circusd, measured in turns in one call:

- from the command to the first answered request, and from the stop command to the end of the supervisor;
- resident memory of the supervisor (VmRSS, MiB), and of the app with the agent in it against the app alone;
- `ping`, `status` and `rpc` against `supervisorctl status` and `circusctl status`, and 100 rpcs at once.

Times are in milliseconds, wall clock; ratios are of the medians, to the first row. supervisor and circus are installed
from the package index into a temporary virtual environment.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import uv
from running_release import Times, is_healthy, print_table, resident_mib, run_quietly, timed
from support.built import copy_project, free_port, release_in
from support.running import Release
from support.waiting import eventually

SUPERVISORD = """\
[unix_http_server]
file={folder}/s.sock
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s.sock
[program:hello]
command={python} -c "import hello; hello.main()"
directory={app}
startsecs=0
"""
CIRCUS = """\
[circus]
endpoint = ipc://{folder}/c.sock
pubsub_endpoint = ipc://{folder}/p.sock
[watcher:hello]
cmd = {python} -c "import hello; hello.main()"
working_dir = {app}
copy_env = true
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One way to run the app: how it is started, and how it is asked."""

    name: str
    start: list[str]
    status: list[str]


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="releaser-") as text:
        folder = Path(text)
        project = copy_project(folder / "project")
        project.build(cwd="examples/hello")
        release = release_in(project.root / "examples/hello/_build/prod/rel/hello", folder / "scratch")
        release.name = "hello"
        peers = [ours(release), *others(folder, project.root / "examples/hello")]
        try:
            measure_lives(peers, release, max(5, rounds // 6))
            measure_questions(peers, release, rounds)
            measure_many_rpcs(release)
        finally:
            release.end()


def measure_lives(peers: list[Peer], release: Release, rounds: int) -> None:
    """Print start, stop and memory of each."""
    starts: dict[str, Times] = {peer.name: [] for peer in peers}
    stops: dict[str, Times] = {peer.name: [] for peer in peers}
    memory: dict[str, list[float]] = {peer.name: [] for peer in peers}
    apps: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(rounds + 1):
        for peer in peers:
            port = free_port()
            environ = {**release.env, "PORT": str(port)}
            begin = time.perf_counter()
            process = subprocess.Popen(peer.start, env=environ, **_silent())
            eventually(lambda port=port: is_healthy(port), within=60, every=0.002)
            started = (time.perf_counter() - begin) * 1000
            if number:
                starts[peer.name].append(started)
                memory[peer.name].append(resident_mib(process.pid))
                apps[peer.name].append(resident_mib(app_of(process.pid)))
            begin = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            process.wait()
            if number:
                stops[peer.name].append((time.perf_counter() - begin) * 1000)
    print_table(f"start until the first answer, {rounds} rounds", starts)
    print_table(f"SIGTERM until the supervisor is gone, {rounds} rounds", stops)
    print("resident memory, MiB (median)")
    first = statistics.median(memory[peers[0].name])
    for peer in peers:
        own, app = statistics.median(memory[peer.name]), statistics.median(apps[peer.name])
        print(f"  {peer.name:28} {own:8.1f} {own / first:8.2f}    its app {app:8.1f}")
    print()


def measure_questions(peers: list[Peer], release: Release, rounds: int) -> None:
    """Print what it costs to ask each."""
    port = free_port()
    environ = {**release.env, "PORT": str(port)}
    bare = [release.env["RELEASE_PYTHON"], "-I", "-S", "-c", "pass"]
    rows: dict[str, Times] = {"python -I -S -c pass": []}
    for peer in peers:
        process = subprocess.Popen(peer.start, env=environ, **_silent())
        eventually(lambda: is_healthy(port), within=60)
        questions = {f"{peer.name} status": peer.status}
        if peer.name == "release":
            questions = {
                f"bin/hello {word[0]}": release.argv(*word) for word in (["ping"], ["status"], ["rpc", "os:getpid"])
            }
        for name, argv in questions.items():
            rows[name] = []
            for _ in range(rounds):
                rows["python -I -S -c pass"].append(timed(lambda: run_quietly(bare, environ)))
                rows[name].append(timed(lambda argv=argv: subprocess.run(argv, env=environ, check=False, **_silent())))
        process.send_signal(signal.SIGTERM)
        process.wait()
    print_table(f"one question, {rounds} rounds", rows)


def measure_many_rpcs(release: Release) -> None:
    """Print how long a hundred calls at once take."""
    release.env["PORT"] = str(free_port())
    running = release.foreground()
    argv = release.argv("rpc", "os:getpid")
    with ThreadPoolExecutor(100) as pool:
        elapsed = timed(lambda: list(pool.map(lambda _: run_quietly(argv, release.env), range(100))))
    print(f"100 rpcs at once: {elapsed:.0f} ms in all, {elapsed / 100:.1f} ms each")
    running.signal(signal.SIGTERM)
    running.wait()


def ours(release: Release) -> Peer:
    return Peer(name="release", start=release.argv("foreground"), status=release.argv("status"))


def others(folder: Path, app: Path) -> list[Peer]:
    """Install and configure the peers; they run the app with the same interpreter."""
    venv = folder / "venv"
    python = os.path.realpath(sys.executable)
    subprocess.run([uv.find_uv_bin(), "venv", "--quiet", "--python", python, str(venv)], check=True)
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin/python")]
    subprocess.run([*install, "supervisor", "circus", "setuptools<81"], check=True)
    values = {"folder": folder, "python": python, "app": app}
    supervisord, circus = folder / "supervisord.conf", folder / "circus.ini"
    supervisord.write_text(SUPERVISORD.format(**values))
    circus.write_text(CIRCUS.format(**values))
    bin_ = venv / "bin"
    return [
        Peer(
            name="supervisord",
            start=[str(bin_ / "supervisord"), "-c", str(supervisord)],
            status=[str(bin_ / "supervisorctl"), "-c", str(supervisord), "status"],
        ),
        Peer(
            name="circusd",
            start=[str(bin_ / "circusd"), str(circus)],
            status=[str(bin_ / "circusctl"), "--endpoint", f"ipc://{folder}/c.sock", "status"],
        ),
    ]


def app_of(supervisor: int) -> int:
    """Return the pid of the supervisor's child."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return int(children[0])


def _silent() -> dict[str, int]:
    return {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
