from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.driving import Running, instance, is_serving, run, running
from support.handmade import Handmade, write_release
from support.waiting import eventually

from releaser.runtime.protocol import frames

APP = """
import asyncio, sys, threading, time

def main():
    print("up", flush=True)
    threading.Event().wait()

async def amain():
    global loop
    loop = asyncio.get_running_loop()
    print("up", flush=True)
    await asyncio.Event().wait()

def bare_loop():
    global loop
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    print("up", flush=True)
    loop.run_forever()
"""
TASKS = """
import asyncio, os, sys, threading, time
import app

def echo(*words): return " ".join(words)
def nothing(): pass
def double(number): return number * 2
def table(): return {"a": [1, None, True], "é": "ü"}
def strange(): return {1, 2}
def fails(): raise ValueError("no luck")
def leaves(code="7"): sys.exit(int(code) if code.isdigit() else code)
def pid(): return os.getpid()
def noisy():
    from releaser.runtime import progress
    progress.write("first\\n")
    progress.write("second\\n")
    return "done"
def big(): return "x" * 40_000_000
def waits(path):
    open(path, "w").close()
    while not os.path.exists(path + ".go"):
        time.sleep(0.01)
    open(path + ".done", "w").close()
    return "went on"
def endless(path):
    open(path, "w").close()
    while True:
        time.sleep(0.01)
def threads(): return len(os.listdir("/proc/self/task"))
def dies(): os._exit(0)
async def on_loop():
    await asyncio.sleep(0)
    return asyncio.get_running_loop() is getattr(app, "loop", None)
async def async_fails():
    await asyncio.sleep(0)
    raise ValueError("no luck")
async def async_leaves():
    sys.exit(3)
async def async_noisy():
    from releaser.runtime import progress
    progress.write("from the loop\\n")
LIMIT = 5
class Class:
    @classmethod
    def method(cls): return cls.__name__
"""


def make_release(root: Path, target: str) -> Handmade:
    from releaser.runtime.release.manifest import Entry

    entry = Entry(kind="callable", target=target, argv0="app", args=[])
    modules = {"app.py": APP, "shop/__init__.py": "", "shop/tasks.py": TASKS, "shop/broken.py": "import nowhere\n"}
    return write_release(root, modules=modules, entry=entry)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Handmade, Running]]:
    release = make_release(tmp_path_factory.mktemp("r"), "app:main")
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        yield release, process


@pytest.fixture
def release(app: tuple[Handmade, Running]) -> Handmade:
    return app[0]


def rpc(release: Handmade, *words: str) -> tuple[int, str, str]:
    done = run(release.command("rpc", *words))
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "stdout"),
    [
        (["shop.tasks:echo", "a", "b c", "-x", "--json"], "a b c -x --json\n"),
        (["shop.tasks", "echo", "a"], "a\n"),
        (["--", "shop.tasks:echo", "--"], "--\n"),
        (["shop.tasks:echo"], "\n"),
        (["shop.tasks:nothing"], ""),
        (["shop.tasks:table"], '{"a": [1, null, true], "é": "ü"}\n'),
        (["shop.tasks:strange"], "{1, 2}\n"),
        (["shop.tasks:Class.method"], "Class\n"),
        (["--json", "shop.tasks:double", "21"], "42\n"),
        (["--json", "shop.tasks:double", '"ab"'], '"abab"\n'),
        (["--json", "shop.tasks:nothing"], "null\n"),
        (["--timeout", "30s", "shop.tasks:echo", "x"], "x\n"),
        (["--timeout", "1000h", "shop.tasks:echo", "x"], "x\n"),
        (["--timeout", "9" * 400, "shop.tasks:echo", "x"], "x\n"),
        (["shop.tasks:noisy"], "first\nsecond\ndone\n"),
        (["shop.tasks:on_loop"], "false\n"),
    ],
)
def test_the_result_is_printed(release: Handmade, words: list[str], stdout: str) -> None:
    assert rpc(release, *words) == (0, stdout, "")


def test_it_runs_in_the_app(app: tuple[Handmade, Running]) -> None:
    assert rpc(app[0], "shop.tasks:pid") == (0, f"{app[1].pid}\n", "")


def test_words_that_are_not_utf_8_arrive_unchanged(release: Handmade) -> None:
    word = os.fsdecode(b"\xff\xfe")
    done = run(release.command("rpc", "shop.tasks:echo", word), errors="surrogateescape")
    assert (done.returncode, done.stdout) == (0, f"{word}\n")


def test_a_large_result_arrives_whole(release: Handmade) -> None:
    code, stdout, stderr = rpc(release, "shop.tasks:big")
    assert (code, len(stdout), stderr) == (0, 40_000_001, "")


def test_an_exception_is_a_traceback_of_the_authors_frames(release: Handmade) -> None:
    code, stdout, stderr = rpc(release, "shop.tasks:fails")
    lines = stderr.splitlines()
    assert (code, stdout) == (1, "")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith(", in fails")
    assert lines[-1] == "ValueError: no luck"
    assert "runtime" not in stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["shop.taks:echo"], 1, ["error: there is no module 'shop.taks' in the bundle", "did you mean 'shop.tasks'?"]),
        (["shup.tasks:echo"], 1, ["error: there is no module 'shup' in the bundle", "did you mean 'shop'?"]),
        (["shop.tasks:ehco"], 1, ["error: there is no 'ehco' in shop.tasks", "did you mean 'echo'?"]),
        (["shop.tasks:Class.metod"], 1, ["error: there is no 'metod' in shop.tasks:Class", "mean 'method'?"]),
        (["shop.tasks:LIMIT"], 1, ["error: shop.tasks:LIMIT is no function but of type int"]),
        (["shop.tasks:"], 2, ["error: expected MODULE:FUNCTION, found 'shop.tasks:'"]),
        (["shop.tasks"], 2, ["error: expected `app rpc MODULE:FUNCTION [ARGS]`"]),
        ([], 2, ["error: expected `app rpc MODULE:FUNCTION [ARGS]`"]),
        (["--jsn", "shop.tasks:echo"], 2, ["error: rpc has no option '--jsn'"]),
        (["--timeout", "soon", "shop.tasks:echo"], 2, ["error: expected a duration such as 30 or '30s', found 'soon'"]),
        (["--json", "shop.tasks:echo", "word"], 2, ["error: argument 1 is not JSON", """'"word"'"""]),
        (["--json", "shop.tasks:strange"], 1, ["error: JSON cannot hold what shop.tasks:strange returned", "type set"]),
        (["shop.tasks:leaves"], 7, []),
        (["shop.tasks:leaves", "bye"], 1, ["bye"]),
        (["shop.broken:x"], 1, ["ModuleNotFoundError: No module named 'nowhere'"]),
    ],
)
def test_what_cannot_be_called_is_told_in_one_message(
    app: tuple[Handmade, Running], words: list[str], code: int, message: list[str]
) -> None:
    found, stdout, stderr = rpc(app[0], *words)
    assert (found, stdout) == (code, "")
    for part in message:
        assert part in stderr
    assert "Traceback" not in stderr or "ModuleNotFoundError" in stderr
    assert app[1].process.poll() is None


def test_ctrl_c_ends_the_client_and_not_the_call(app: tuple[Handmade, Running], tmp_path: Path) -> None:
    release, process = app
    begun = tmp_path / "begun"
    with running(release.command("rpc", "shop.tasks:waits", str(begun))) as caller:
        eventually(begun.exists)
        caller.interrupt()
        assert (caller.wait(), caller.stdout) == (130, "")
        assert caller.stderr == "interrupted: shop.tasks:waits may still be running in the app\n"
    (tmp_path / "begun.go").touch()
    assert eventually((tmp_path / "begun.done").exists)
    assert process.process.poll() is None


def test_a_time_limit_ends_the_client_only(app: tuple[Handmade, Running], tmp_path: Path) -> None:
    release, process = app
    begun = tmp_path / "begun"
    code, stdout, stderr = rpc(release, "--timeout=300ms", "shop.tasks:waits", str(begun))
    assert (code, stdout) == (1, "")
    assert stderr == ("error: shop.tasks:waits did not return in 0.3 s\n  now: it may still be running in the app\n")
    (tmp_path / "begun.go").touch()
    assert process.process.poll() is None


def test_a_hundred_callers_are_answered_at_once_and_leave_no_thread(
    app: tuple[Handmade, Running], tmp_path: Path
) -> None:
    release, _ = app
    before = rpc(release, "shop.tasks:threads")[1]
    paths = [tmp_path / str(number) for number in range(100)]
    with ExitStack() as stack:
        callers = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in paths]
        for caller, path in zip(callers, paths, strict=True):
            caller.settimeout(30)
            caller.connect(f"{release.layout.run}/agent.sock")
            caller.sendall(frames.encode_request("rpc", "text", "shop.tasks:waits", str(path)))
        eventually(lambda: all(path.exists() for path in paths), within=30)
        assert rpc(release, "shop.tasks:echo", "one more") == (0, "one more\n", "")
        for path in paths:
            (tmp_path / f"{path.name}.go").touch()
        wanted = frames.reply("went on\n", 0)
        for caller in callers:
            assert b"".join(iter(lambda one=caller: one.recv(4096), b"")) == wanted
    assert eventually(lambda: rpc(release, "shop.tasks:threads")[1] == before)


def test_leaving_with_4_is_not_taken_for_an_app_that_does_not_run(release: Handmade) -> None:
    code, stdout, stderr = rpc(release, "shop.tasks:leaves", "4")
    assert (code, stdout) == (1, "")
    assert stderr == (
        "note: shop.tasks:leaves left with exit code 4, which would say that the app is not running: it becomes 1\n"
    )
    assert rpc(release, "shop.tasks:leaves", "5") == (5, "", "")


def test_a_reader_that_closes_the_pipe_is_no_traceback(release: Handmade) -> None:
    command = " ".join(f"'{word}'" for word in release.command("rpc", "shop.tasks:big"))
    done = run(["sh", "-c", f"{command} | head -c 3"])
    assert (done.stdout, done.stderr) == ("xxx", "")
    assert is_serving(release)


def test_an_app_that_ends_during_the_call_is_told(tmp_path: Path) -> None:
    release = make_release(tmp_path, "app:main")
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        code, stdout, stderr = rpc(release, "shop.tasks:dies")
    assert (code, stdout) == (1, "")
    assert stderr == "error: app ended during the call\n  now: how far the call came is not known\n"


@pytest.mark.parametrize("stale", [False, True])
def test_without_an_app_it_is_not_running(tmp_path: Path, stale: bool) -> None:
    release = make_release(tmp_path, "app:main")
    if stale:
        with instance(release):
            eventually(lambda: is_serving(release))
        assert Path(release.layout.run, "agent.sock").exists()
    assert rpc(release, "shop.tasks:pid") == (4, "", "error: app is not running\n")


@pytest.mark.parametrize("target", ["app:amain", "app:bare_loop"])
def test_a_coroutine_runs_on_the_apps_own_loop(tmp_path: Path, target: str) -> None:
    release = make_release(tmp_path, target)
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        assert rpc(release, "shop.tasks:on_loop") == (0, "true\n", "")
        assert rpc(release, "shop.tasks:async_noisy") == (0, "from the loop\n", "")
        code, _, stderr = rpc(release, "shop.tasks:async_fails")
        assert code == 1
        assert stderr.splitlines()[1].endswith(", in async_fails")
        assert rpc(release, "shop.tasks:async_leaves") == (3, "", "")
        assert rpc(release, "shop.tasks:on_loop") == (0, "true\n", "")
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_a_release_in_a_very_deep_folder_answers(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["a rather long näme of a folder"] * 5)
    deep.mkdir(parents=True)
    release = make_release(deep, "app:main")
    with instance(release) as (process, _):
        eventually(lambda: process.stdout == "up\n")
        assert rpc(release, "shop.tasks:echo", "deep") == (0, "deep\n", "")
        relative = run([str(deep / "bin/app"), "rpc", "shop.tasks:echo", "x"], cwd="/")
        assert relative.stdout == "x\n"
