"""What a running release costs: `python tests/benchmarks/running_release.py [ROUNDS]` prints ratios.

Builds the guestbook for staging and makes a virtual environment from the same lock, then measures in turns, so that
both sides meet the same moments of the machine:

- `bin/app ping`, `status` and `rpc` against a bare `python -I -S -c pass` of the same interpreter;
- `bin/app foreground` until /health answers against `python -m guestbook` from the virtual environment;
- the supervisor's resident memory, against a bare interpreter that sleeps.

Times are in milliseconds, wall clock, minimum and median; ratios are of the medians. Memory is VmRSS in MiB.
"""

from __future__ import annotations

import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import uv
from support.built import Project, copy_project, free_port, release_in
from support.running import Release
from support.waiting import eventually

Times = list[float]


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="releaser-") as folder:
        project = copy_project(Path(folder) / "project")
        project.build("--env", "staging")
        release = release_in(project.root / "_build/staging/rel/app", Path(folder) / "scratch")
        venv = make_venv(project, Path(folder) / "venv")
        try:
            measure_commands(release, rounds)
            measure_start(release, venv, max(5, rounds // 4))
        finally:
            release.end()


def measure_commands(release: Release, rounds: int) -> None:
    """Print what the commands cost beside a bare interpreter."""
    release.env["PORT"] = str(free_port())
    running = release.foreground()
    python = release.env["RELEASE_PYTHON"]
    commands = {
        "python -I -S -c pass": [python, "-I", "-S", "-c", "pass"],
        "bin/app ping": release.argv("ping"),
        "bin/app status": release.argv("status"),
        "bin/app rpc": release.argv("rpc", "os:getpid"),
    }
    times: dict[str, Times] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, argv in commands.items():
            times[name].append(timed(lambda argv=argv: run_quietly(argv, release.env)))
    print_table(f"commands, {rounds} rounds", times)
    bare = subprocess.Popen([python, "-I", "-S", "-c", "import time; time.sleep(600)"])
    try:
        time.sleep(0.5)
        print("resident memory, MiB")
        ours, theirs = resident_mib(running.pid), resident_mib(bare.pid)
        print(f"  supervisor {ours:26.2f}   {ours / theirs:5.2f} x a bare interpreter that sleeps ({theirs:.2f})\n")
    finally:
        bare.kill()
        bare.wait()
    release.run("stop")


def measure_start(release: Release, venv: Path, rounds: int) -> None:
    """Print how long the app takes until it answers, both ways."""
    times: dict[str, Times] = {"python -m guestbook (venv)": [], "bin/app foreground": []}
    for number in range(rounds + 1):
        for name, argv in (
            ("python -m guestbook (venv)", [str(venv / "bin/python"), "-m", "guestbook"]),
            ("bin/app foreground", release.argv("foreground")),
        ):
            elapsed = until_healthy(argv, release)
            if number:  # the first round warms caches
                times[name].append(elapsed)
    print_table(f"start until /health answers, {rounds} rounds", times)


def until_healthy(argv: list[str], release: Release) -> float:
    """Return milliseconds from the start of a process until it answers, then stop it."""
    port = free_port()
    environment = {**release.env, "PORT": str(port), "RELEASE_VAR": str(release.var)}
    begin = time.perf_counter()
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        eventually(lambda: is_healthy(port), within=60, every=0.002)
        return (time.perf_counter() - begin) * 1000
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def make_venv(project: Project, venv: Path) -> Path:
    """Make the peer: a virtual environment with the lock's packages and the guestbook, byte code included."""
    example = project.root / "examples/guestbook"
    tool = uv.find_uv_bin()
    python = os.path.realpath(sys.executable)
    run = [tool, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv / "bin/python")]
    subprocess.run([tool, "venv", "--quiet", "--python", python, str(venv)], check=True)
    subprocess.run([*run, "--require-hashes", "-r", str(example / "requirements.txt")], check=True)
    subprocess.run([*run, "--no-deps", str(example)], check=True)
    return venv


def timed(action: Callable[[], None]) -> float:
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def run_quietly(argv: list[str], environment: dict[str, str]) -> None:
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmRSS of {pid}")


def print_table(title: str, times: dict[str, Times]) -> None:
    first = statistics.median(next(iter(times.values())))
    print(f"{title}\n  {'':28} {'min ms':>8} {'median':>8} {'ratio':>8}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"  {name:28} {min(values):8.1f} {median:8.1f} {median / first:8.2f}")
    print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
