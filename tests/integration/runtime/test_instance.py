from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import pytest
from support.driving import instance, is_serving, run
from support.handmade import Handmade, write_release
from support.waiting import eventually

from releaser.runtime.release.manifest import Entry

SLEEPER = """
import signal, sys, time
import threading

def main():
    print("up", flush=True)
    while True:
        time.sleep(0.05)
"""
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b"no\\n"))

def main():
    print("up", flush=True)
    while True:
        time.sleep(0.05)
"""
REPORT = """
import gc, json, os, signal, sys

def main():
    print(json.dumps({
        "argv": sys.argv,
        "gc": gc.isenabled(),
        "ignored": sorted(
            signal.Signals(n).name for n in (1, 2, 3, 10, 12, 13, 15, 17) if signal.getsignal(n) == signal.SIG_IGN
        ),
        "main": [sys.modules["__main__"].__spec__, hasattr(sys.modules["__main__"], "__file__")],
        "pid": os.getpid(),
    }))
"""


def release_of(root: Path, code: str, **fields: object) -> Handmade:
    return write_release(root, modules={"app.py": code}, **fields)  # type: ignore[arg-type]


def result_of(release: Handmade, *words: str, environ: dict[str, str] | None = None) -> tuple[int, str, str]:
    with instance(release, *words, environ=environ) as (app, _):
        return app.wait(), app.stdout, app.stderr


@pytest.mark.parametrize(
    ("body", "code", "stderr"),
    [
        ("return None", 0, ""),
        ("return 7", 7, ""),
        ("return 'it broke'", 1, "it broke\n"),
        ("raise SystemExit(5)", 5, ""),
        ("raise SystemExit('bye')", 1, "bye\n"),
        ("import os; os._exit(9)", 9, ""),
    ],
)
def test_the_exit_code_is_what_the_entry_point_says(tmp_path: Path, body: str, code: int, stderr: str) -> None:
    release = release_of(tmp_path, f"def main():\n    {body}\n")
    assert result_of(release) == (code, "", stderr)


def test_a_coroutine_function_is_run(tmp_path: Path) -> None:
    release = release_of(tmp_path, "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    return 6\n")
    assert result_of(release) == (6, "", "")


def test_the_app_sees_a_plain_process(tmp_path: Path) -> None:
    entry = Entry(kind="callable", target="app:main", argv0="shop", args=["--port", "${PORT:-8000}"])
    release = release_of(tmp_path, REPORT, entry=entry)
    code, stdout, stderr = result_of(release, "--extra", "a b", environ={"PORT": "81"})
    assert (code, stderr) == (0, "")
    seen = json.loads(stdout)
    assert seen["argv"] == ["shop", "--port", "81", "--extra", "a b"]
    assert seen["gc"] is True
    assert seen["ignored"] == ["SIGPIPE"]
    assert seen["main"] == [None, False]


def test_signals_that_the_caller_ignored_work_in_the_app(tmp_path: Path) -> None:
    release = release_of(tmp_path, REPORT)
    read_end, write_end = os.pipe()
    words = release.command("_instance", str(read_end), "main")
    shell = ["sh", "-c", 'trap "" INT TERM HUP; exec "$@"', "sh", *words]
    done = run(shell, pass_fds=[read_end])
    os.close(read_end)
    os.close(write_end)
    assert json.loads(done.stdout)["ignored"] == ["SIGPIPE"]


def test_a_setting_that_cannot_be_replaced_is_named(tmp_path: Path) -> None:
    entry = Entry(kind="callable", target="app:main", argv0="shop", args=["${NOT_SET}"])
    code, _, stderr = result_of(release_of(tmp_path, REPORT, entry=entry))
    assert code == 3
    assert "error: cannot use the setting command: the variable NOT_SET is not set" in stderr


def test_an_entry_point_that_does_not_import_shows_the_authors_frames_only(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules={"app.py": "import inner\n", "inner.py": "x = 1\nimport nowhere\n"})
    code, _, stderr = result_of(release)
    lines = stderr.splitlines()
    assert code == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('site-packages/app.py", line 1, in <module>')
    assert "releaser" not in "\n".join(line for line in lines[:-1] if "runtime" in line)
    assert lines[-1] == (
        "error: the entry point app:main cannot be imported: ModuleNotFoundError: No module named 'nowhere'"
    )


def test_an_entry_point_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    release = release_of(tmp_path, "def mian():\n    pass\n")
    code, _, stderr = result_of(release)
    assert code == 1
    assert stderr.splitlines() == [
        "error: the entry point app:main cannot be imported: there is no 'main' in app",
        "      hint: did you mean 'mian'?",
    ]


def test_an_entry_point_that_raises_ends_with_its_traceback_and_one_line(tmp_path: Path) -> None:
    release = release_of(tmp_path, "def main():\n    raise ValueError('no luck')\n")
    code, _, stderr = result_of(release)
    lines = stderr.splitlines()
    assert code == 1
    assert lines[1].endswith('site-packages/app.py", line 2, in main')
    assert lines[-2] == "ValueError: no luck"
    assert lines[-1] == "error: the entry point app:main ended with ValueError: no luck"


def test_the_apps_excepthook_hears_of_it(tmp_path: Path) -> None:
    code = "import sys\nsys.excepthook = lambda *found: print(found[0].__name__)\ndef main():\n    1 / 0\n"
    assert result_of(release_of(tmp_path, code))[1] == "ZeroDivisionError\n"


def test_a_module_runs_as_with_dash_m(tmp_path: Path) -> None:
    entry = Entry(kind="module", target="package", argv0="package", args=[])
    code = "import sys\nprint(__name__, sys.modules['__main__'].__spec__.name, sys.argv[1:])\nsys.exit(3)\n"
    release = write_release(tmp_path, modules={"package/__init__.py": "", "package/__main__.py": code}, entry=entry)
    assert result_of(release, "x") == (3, "__main__ package.__main__ ['x']\n", "")


def test_a_script_runs_as_the_main_module(tmp_path: Path) -> None:
    entry = Entry(kind="script", target="bin/tool", argv0="tool", args=[])
    release = write_release(tmp_path, modules={"app.py": "value = 'bundle'\n"}, entry=entry)
    script = Path(release.layout.release) / "bin/tool"
    script.parent.mkdir()
    script.write_text("import app, sys\nprint(__name__, app.value, sys.argv)\n")
    assert result_of(release, "x") == (0, f"__main__ bundle {[str(script), 'x']}\n", "")


def test_spawned_processes_do_not_run_the_runtime_again(tmp_path: Path) -> None:
    code = """
import multiprocessing

def double(number):
    return number * 2

def main():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""
    assert result_of(release_of(tmp_path, code)) == (0, "[2, 4]\n", "")


def test_the_supervisor_is_told_once_the_module_is_imported(tmp_path: Path) -> None:
    release = release_of(tmp_path / "r", "import os\nprint('imported', flush=True)\ndef main():\n    input()\n")
    address = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(20)
        with instance(release, environ={"NOTIFY_SOCKET": address}) as (app, _):
            assert receiver.recv(100) == b"X_RELEASER=started"
            eventually(lambda: app.stdout == "imported\n")


def test_the_agent_answers_while_the_import_hangs(tmp_path: Path) -> None:
    release = release_of(tmp_path, "import time\nwhile True:\n    time.sleep(0.01)\n")
    with instance(release):
        assert eventually(lambda: is_serving(release))


def test_an_instance_ends_when_its_supervisor_does(tmp_path: Path) -> None:
    release = release_of(tmp_path, SLEEPER)
    with instance(release) as (app, lifeline):
        eventually(lambda: app.stdout == "up\n")
        os.close(lifeline)
        assert app.wait() == -signal.SIGTERM


def test_an_instance_that_ignores_the_end_of_its_supervisor_is_killed(tmp_path: Path) -> None:
    release = release_of(tmp_path, STUBBORN, stop_timeout_s=0.3)
    with instance(release) as (app, lifeline):
        eventually(lambda: app.stdout == "up\n")
        os.close(lifeline)
        assert app.wait() == -signal.SIGKILL
        # Its group is signalled by the kernel and by the agent; both may arrive before one is handled, or apart.
        assert app.stdout.startswith("up\nno\n")


def test_child_programs_of_the_app_do_not_inherit_the_lifeline(tmp_path: Path) -> None:
    code = 'import os\ndef main():\n    os.system(\'ls /proc/self/fd | tr "\\\\n" " "\')\n'
    release = release_of(tmp_path, code)
    read_end, write_end = os.pipe()
    done = run(release.command("_instance", str(read_end), "main"), pass_fds=[read_end])
    os.close(read_end)
    os.close(write_end)
    assert str(read_end) not in done.stdout.split()


def test_ctrl_c_ends_the_app_with_130(tmp_path: Path) -> None:
    release = release_of(tmp_path, SLEEPER)
    with instance(release) as (app, _):
        eventually(lambda: app.stdout == "up\n")
        app.interrupt()
        assert app.wait() in (130, -signal.SIGINT)


BLOCKING = """
import signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

def main():
    print("up", flush=True)
    while signal.SIGTERM not in signal.sigpending():
        time.sleep(0.01)
    print("got", signal.sigwait([signal.SIGTERM]).name, flush=True)

def masks():
    import subprocess
    return subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, text=True).stdout.split()[1]
"""


def threads_that_take(number: int, pid: int) -> int:
    masks = [
        int(line.split()[1], 16)
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("SigBlk")
    ]
    return sum(not mask >> (number - 1) & 1 for mask in masks)


def test_a_signal_that_the_app_waits_for_is_not_taken_by_the_agent(tmp_path: Path) -> None:
    release = release_of(tmp_path, BLOCKING)
    with instance(release) as (app, _):
        eventually(lambda: app.stdout == "up\n")
        eventually(lambda: is_serving(release))
        assert int(run(release.command("rpc", "app:masks")).stdout, 16) == 0
        eventually(lambda: threads_that_take(signal.SIGTERM, app.pid) == 0)  # the call's own thread has ended
        os.kill(app.pid, signal.SIGTERM)
        assert (app.wait(), app.stdout) == (0, "up\ngot SIGTERM\n")


def test_a_damaged_bundle_is_one_failure(tmp_path: Path) -> None:
    release = release_of(tmp_path, SLEEPER)
    release.pyz.write_bytes(b"rubbish")
    code, _, stderr = result_of(release)
    assert code == 3
    assert stderr.startswith("error: cannot unpack ")
    assert "Traceback" not in stderr
