"""In which process, greenlet and loop rpc and the consoles run, under the real gunicorn, gevent and uvloop."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.driving import Running, instance, run, running
from support.handmade import Handmade, write_release
from support.installed import install
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry

APP = """
import os, signal, sys, threading, time, warnings

warnings.filterwarnings("always", "This process .* is multi-threaded", DeprecationWarning)

def serve():
    from gunicorn.app.wsgiapp import run
    run()

def loop():
    import gevent.monkey
    gevent.monkey.patch_all()
    import gevent
    print("imported in", os.getpid(), flush=True)
    while True:
        gevent.sleep(0.01)
"""
UVLOOP = """
import asyncio, sys, uvloop

def idle():
    global loop
    loop = uvloop.new_event_loop()
    loop.call_soon(lambda: print("imported in 0", flush=True))
    loop.run_forever()

async def main():
    global loop
    loop = asyncio.get_running_loop()
    print("imported in 0", flush=True)
    await asyncio.Event().wait()

def run(): uvloop.run(main())

async def is_on_loop(): return asyncio.get_running_loop() is loop
"""
SITE = """
import os, sys, time
print("imported in", os.getpid(), flush=True)

def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [b""]

def where(): return os.getpid()
def kind():
    import gevent
    return type(gevent.getcurrent()).__name__, gevent.get_hub().main_hub
def leaves(): sys.exit(3)
def fails(): raise ValueError("no luck")
def noisy():
    from releaser.runtime import progress
    progress.write("on the hub\\n")
def waits(path):
    open(path, "w").close()
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    return "went on"
async def awaited(): return "awaited"
"""
WORKERS = 2


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return install(tmp_path_factory.mktemp("servers"), "gunicorn", "gevent", "packaging", "uvloop")


@contextmanager
def gunicorn(
    root: Path, servers: dict[str, str], *options: str, imports: int = WORKERS
) -> Iterator[tuple[Handmade, Running, list[int]]]:
    """Run a site under gunicorn; the third value is the processes that imported it, `imports` of them."""
    words = ["site_of_test:wsgi", "-w", str(WORKERS), "-b", "127.0.0.1:0", "--no-control-socket", *options]
    entry = Entry(kind="callable", target="app:serve", argv0="gunicorn", args=words)
    release = write_release(root, modules={"app.py": APP, "site_of_test.py": SITE}, pth=servers, entry=entry)
    with instance(release) as (process, _):
        yield release, process, workers_of(process, imports)


def workers_of(process: Running, count: int = WORKERS) -> list[int]:
    """Return the processes that have imported the site, once there are as many as wanted."""

    def found() -> list[int]:
        assert process.process.poll() is None, process.stderr
        return [int(pid) for pid in re.findall(r"imported in (\d+)\n", process.stdout)]

    return eventually(lambda: found() if len(found()) >= count else None, within=30) or []


def names_in(release: Handmade) -> set[str]:
    """Return the names of the files in the folder of sockets."""
    return {path.name for path in Path(release.layout.run).iterdir()}


def rpc(release: Handmade, *words: str) -> Any:
    done = run(release.command("rpc", "--json", *words))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_worker_answers_and_the_master_has_no_thread(tmp_path: Path, servers: dict[str, str]) -> None:
    with gunicorn(tmp_path / "r", servers) as (release, process, workers):
        assert process.pid not in workers
        assert {rpc(release, "site_of_test:where") for _ in range(8)} <= set(workers)
        assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1
        assert "multi-threaded" not in process.stderr

        done = run(release.command("remote_console"), stdin="import os\nos.getpid()\n")
        assert int(done.stdout.splitlines()[-1]) in workers

        os.kill(workers[0], signal.SIGKILL)
        new = workers_of(process, WORKERS + 1)[-1]
        assert {rpc(release, "site_of_test:where") for _ in range(8)} <= {workers[1], new}
        own = {f"agent@{workers[1]}.sock", f"agent@{new}.sock", "agent.sock"}
        assert eventually(lambda: names_in(release) == own)

        process.process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert names_in(release) == {"agent.sock"}


def test_one_worker_or_all_of_them_can_be_asked(tmp_path: Path, servers: dict[str, str]) -> None:
    with gunicorn(tmp_path / "r", servers, "--preload", imports=1) as (release, _, _):
        workers = eventually(lambda: agents_in(release) if len(agents_in(release)) == WORKERS else None) or []
        for worker in workers:
            assert rpc(release, "--process", str(worker), "site_of_test:where") == worker
        done = run(release.command("rpc", "--all", "site_of_test:where"))
        assert done.stdout == "".join(f"[{worker}]\n{worker}\n" for worker in workers)
        done = run(release.command("rpc", "--process=1", "site_of_test:where"))
        assert done.returncode == 4
        assert done.stderr == (
            "error: app has no process '1' that answers\n"
            f"  now: nothing was called\n      hint: {workers[0]}, {workers[1]}\n"
        )
        done = run(release.command("remote_console", "--process", str(workers[1])), stdin="import os\nos.getpid()\n")
        assert done.stdout.endswith(f"\n{workers[1]}\n")


def agents_in(release: Handmade) -> list[int]:
    """Return the workers that have a socket of their own."""
    return sorted(int(name[6:-5]) for name in names_in(release) if name.startswith("agent@"))


@pytest.fixture(scope="module", params=["gunicorn", "a script"])
def greenlets(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, servers: dict[str, str]
) -> Iterator[tuple[Handmade, Running, list[int]]]:
    root = tmp_path_factory.mktemp("r")
    if request.param == "gunicorn":
        with gunicorn(root, servers, "-k", "gevent") as served:
            yield served
        return
    entry = Entry(kind="callable", target="app:loop", argv0="app", args=[])
    release = write_release(root, modules={"app.py": APP, "site_of_test.py": SITE}, pth=servers, entry=entry)
    with instance(release) as (process, _):
        yield release, process, workers_of(process, 1)


def test_a_function_is_a_greenlet_of_the_apps_hub(greenlets: tuple[Handmade, Running, list[int]]) -> None:
    release, process, workers = greenlets
    assert rpc(release, "site_of_test:where") in workers
    assert rpc(release, "site_of_test:kind") == ["Greenlet", True]
    assert rpc(release, "site_of_test:awaited") == "awaited"
    done = run(release.command("rpc", "site_of_test:noisy"))
    assert (done.stdout, done.stderr) == ("on the hub\n", "")
    assert run(release.command("rpc", "site_of_test:leaves")).returncode == 3
    done = run(release.command("rpc", "site_of_test:fails"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[1].endswith(", in fails")
    assert process.process.poll() is None
    assert "luck" not in process.stderr


def test_a_function_that_waits_holds_nobody_up(greenlets: tuple[Handmade, Running, list[int]], tmp_path: Path) -> None:
    release, _, _ = greenlets
    begun = tmp_path / "begun"
    with running(release.command("rpc", "site_of_test:waits", str(begun))) as caller:
        eventually(begun.exists)
        assert rpc(release, "site_of_test:kind") == ["Greenlet", True]
        (tmp_path / "begun.go").touch()
        assert (caller.wait(), caller.stdout) == (0, "went on\n")


def test_ctrl_c_interrupts_a_greenlet(greenlets: tuple[Handmade, Running, list[int]], tmp_path: Path) -> None:
    release, process, _ = greenlets
    for turn, statement in enumerate(("while True: mark(); time.sleep(0.01)", "while True: mark()")):
        begun = tmp_path / str(turn)
        with running(release.command("remote_console")) as console:
            console.write(f"import time\nmark = lambda: open({str(begun)!r}, 'w').close()\n{statement}\n\n")
            eventually(begun.exists)
            console.interrupt()
            eventually(lambda: "KeyboardInterrupt" in console.stderr)
            console.write("6 * 7\n")
            assert eventually(lambda: console.stdout.endswith("42\n"))
    assert process.process.poll() is None
    assert rpc(release, "site_of_test:kind") == ["Greenlet", True]


@pytest.mark.parametrize("target", ["loop_of_test:idle", "loop_of_test:run"])
def test_a_coroutine_runs_on_the_apps_own_uvloop(tmp_path: Path, servers: dict[str, str], target: str) -> None:
    entry = Entry(kind="callable", target=target, argv0="app", args=[])
    release = write_release(tmp_path / "r", modules={"loop_of_test.py": UVLOOP}, pth=servers, entry=entry)
    with instance(release) as (process, _):
        workers_of(process, 1)
        assert rpc(release, "loop_of_test:is_on_loop") is True
        done = run(release.command("remote_console"), stdin="import loop_of_test\nawait loop_of_test.is_on_loop()\n")
        assert done.stdout.endswith("\nTrue\n")
