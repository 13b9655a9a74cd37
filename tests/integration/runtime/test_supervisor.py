"""The supervisor with real processes: the order of a life, signals, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import SERVER, Make, Release, making_releases
from support.waiting import eventually

from releaser.runtime.release.manifest import Hook, Readiness, Socket

FOREVER = "import time\ndef main():\n    while True: time.sleep(0.05)\n"
SLOW_STOP = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER
RECORD = '#!/bin/sh\necho "$RELEASE_EVENT $RELEASE_EXIT_CODE" >>"$RELEASE_VAR/events"\n'
ALL_EVENTS = ("pre_configure", "post_configure", "pre_start", "post_start", "pre_stop", "post_stop")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield lambda **options: make_one(**{"sockets": [Socket(name="web", address="127.0.0.1:0")], **options})


def ready_by(kind: str, target: str = "", timeout_s: float = 10.0) -> Readiness:
    return Readiness(kind=kind, target=target, timeout_s=timeout_s, interval_s=0.02)


def test_every_event_runs_once_and_in_order(make: Make) -> None:
    release = make(hooks=[(event, "20-record", RECORD) for event in ALL_EVENTS])
    running = release.foreground()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    events = (release.var / "events").read_text().split("\n")
    assert [event.strip() for event in events if event] == [*ALL_EVENTS[:-1], "post_stop 0"]
    assert release.leftovers() == []


def test_hook_output_carries_the_hooks_name_and_app_output_is_untouched(make: Make) -> None:
    release = make(hooks=[("pre_start", "20-check", "printf 'one\\ntwo'"), ("post_start", "20-up", "echo up >&2")])
    running = release.foreground("--flag", "a b")
    eventually(lambda: "serving" in running.output())  # the app is ready before it prints that
    running.signal(signal.SIGTERM)
    running.wait()
    lines = running.output().splitlines()
    assert "[pre_start 20-check] one" in lines
    assert "[pre_start 20-check] two" in lines
    assert "[post_start 20-up] up" in lines
    assert "serving --flag a b" in lines


def test_post_start_runs_only_once_the_app_is_ready(make: Make) -> None:
    code = "import os, time\nfrom pathlib import Path\ngo = Path(os.environ['RELEASE_VAR']) / 'go'\n" + FOREVER.replace(
        "    while", "    while not go.exists(): time.sleep(0.01)\n    ready.append(1)\n    while"
    )
    code += "ready = []\ndef is_ready():\n    return bool(ready)\n"
    release = make(
        modules={"app.py": code},
        hooks=[("post_start", "20-record", RECORD)],
        readiness=ready_by("call", "app:is_ready"),
    )
    running = release.foreground(until="[release] app 1.0.0")
    answer = eventually(lambda: (a := release.run("ping")).stderr.startswith("app is") and a)
    assert (answer.returncode, answer.stderr) == (4, "app is starting\n")
    assert not (release.var / "events").exists()
    (release.var / "go").write_text("")
    running.says("[release] is running")
    assert (release.var / "events").read_text().strip() == "post_start"
    assert release.run("ping").stdout == "pong\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_exits_with_0_and_leaves_nothing(make: Make, number: int) -> None:
    release = make()
    running = release.foreground()
    running.says("serving")  # ready by `started` is earlier than the app's own handler
    running.signal(number)
    assert running.wait() == 0
    assert "served" in running.output()
    assert "[release] has stopped" in running.errors()
    assert release.leftovers() == []


def test_the_bound_socket_is_inherited_and_answers(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    release = make(
        sockets=[Socket(name="web", address="${ADDRESS}")], readiness=ready_by("http", "http://${ADDRESS}/health")
    )
    release.env["ADDRESS"] = address
    release.foreground()
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.read() == b"hello"
    assert release.status()["sockets"] == {"web": address}


def test_a_taken_port_is_told_before_anything_runs(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        release = make(sockets=[Socket(name="web", address=address)], hooks=[("pre_start", "20-record", RECORD)])
        running = release.begin("foreground")
        assert running.wait() == 1
    assert f"sockets.web: {address}: another process listens there already" in running.errors()
    assert "now: nothing was started" in running.errors()
    assert not (release.var / "events").exists()
    assert release.leftovers() == []


@pytest.mark.parametrize("code", [0, 3])
def test_the_apps_own_exit_code_is_kept(make: Make, code: int) -> None:
    release = make(modules={"app.py": f"import time\ndef main():\n    time.sleep(0.3)\n    return {code}\n"})
    running = release.begin("foreground")
    assert running.wait() == code
    assert release.leftovers() == []


def test_an_app_that_has_done_its_work_ends_its_post_start_hooks_and_all_is_well(make: Make) -> None:
    release = make(modules={"app.py": "def main():\n    pass\n"}, hooks=[("post_start", "20-slow", "sleep 300")])
    running = release.begin("foreground")
    assert running.wait() == 0
    assert "; so do its post_start hooks" in running.errors()
    assert release.leftovers() == []


def test_an_app_that_is_killed_ends_the_release_with_128_plus_n(make: Make) -> None:
    release = make(hooks=[("post_stop", "20-record", RECORD)])
    running = release.foreground()
    os.kill(release.status()["instances"][0]["pid"], signal.SIGKILL)
    assert running.wait() == 137
    assert "error: app 1.0.0 ended: the app was killed by signal 9\n  now: nothing is running" in running.errors()
    assert (release.var / "events").read_text().strip() == "post_stop 137"
    assert release.leftovers() == []


def test_an_app_that_ignores_sigterm_is_killed_after_stop_timeout(make: Make) -> None:
    release = make(modules={"app.py": SLOW_STOP}, stop_timeout_s=0.3)
    running = release.foreground()
    running.signal(signal.SIGTERM)
    assert running.wait() == 137
    assert "it did not end in 0.3 s after SIGTERM" in running.errors()
    assert release.leftovers() == []


def test_a_second_sigint_kills_at_once(make: Make) -> None:
    release = make(modules={"app.py": SLOW_STOP}, stop_timeout_s=600.0)
    running = release.foreground()
    running.signal(signal.SIGINT)
    running.says("stops (SIGINT)")
    running.signal(signal.SIGINT)
    assert running.wait() == 137
    assert release.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_app_is_still_importing_ends_it_in_order(make: Make, number: int) -> None:
    release = make(modules={"app.py": "import time\nprint('importing', flush=True)\ntime.sleep(300)\n"})
    running = release.foreground(until="importing")
    running.signal(number)
    assert running.wait() == 0
    assert "Traceback" not in running.errors()
    assert release.leftovers() == []


def test_a_stop_while_the_bundle_is_unpacked_leaves_no_half_of_it(make: Make) -> None:
    many = {f"package/module_{number}.py": "x = 1\n" * 50 for number in range(3000)}
    release = make(modules={"app.py": SERVER, **many})
    running = release.foreground(until="unpacks its bundle")
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert release.leftovers() == []
    again = release.foreground()
    assert release.run("ping").returncode == 0
    again.signal(signal.SIGTERM)
    assert again.wait() == 0


def test_a_second_sigterm_changes_nothing(make: Make) -> None:
    release = make(modules={"app.py": SLOW_STOP}, stop_timeout_s=1.0)
    running = release.foreground()
    for _ in range(3):
        running.signal(signal.SIGTERM)
    running.wait()
    assert running.errors().count("stops (SIGTERM)") == 1


def test_kill_9_of_the_supervisor_takes_everything_with_it(make: Make) -> None:
    release = make(hooks=[("post_start", "20-children", "sleep 300 & sleep 301 & wait")], stop_timeout_s=2.0)
    running = release.foreground(until="is ready after")
    eventually(lambda: sum("sleep 30" in line for line in release.processes().values()) >= 2)
    running.signal(signal.SIGKILL)
    running.wait()
    eventually(lambda: not release.processes(), within=10)


def test_an_app_that_ignores_sigterm_does_not_outlive_a_killed_supervisor(make: Make) -> None:
    release = make(modules={"app.py": SLOW_STOP}, stop_timeout_s=0.5)
    running = release.foreground()
    running.signal(signal.SIGKILL)
    running.wait()
    eventually(lambda: not release.processes(), within=10)


def test_a_start_after_a_power_cut_takes_over_stale_sockets_and_pid(make: Make) -> None:
    release = make(stop_timeout_s=1.0)
    running = release.foreground()
    running.signal(signal.SIGKILL)
    running.wait()
    assert (release.var / "run" / "control.sock").exists()
    answer = release.run("ping")
    assert (answer.returncode, answer.stderr) == (4, "error: app is not running\n")
    again = release.foreground()
    assert release.run("pid").stdout == f"{again.pid}\n"


def test_a_second_foreground_is_refused_and_the_first_goes_on(make: Make) -> None:
    release = make()
    first = release.foreground()
    second = release.begin("foreground")
    assert second.wait() == 4
    assert f"error: app is already running (pid {first.pid})" in second.errors()
    assert release.run("ping").returncode == 0


def test_twenty_starts_at_once_have_one_winner(make: Make) -> None:
    release = make()
    all_of_them = [release.begin("foreground") for _ in range(20)]
    eventually(lambda: sum(one.process.poll() is None for one in all_of_them) == 1, within=60)
    losers = [one for one in all_of_them if one.process.poll() is not None]
    assert {one.wait() for one in losers} == {4}
    assert all("is already running" in one.errors() for one in losers)
    eventually(lambda: release.run("ping").returncode == 0)


@pytest.mark.parametrize("event", ["pre_configure", "post_configure", "pre_start"])
def test_a_failing_hook_before_the_start_starts_nothing(make: Make, event: str) -> None:
    release = make(hooks=[(event, "20-bad", "echo broken; exit 3")])
    running = release.begin("foreground")
    assert running.wait() == 1
    assert f"[{event} 20-bad] broken" in running.output()
    assert f"error: the {event} hook 20-bad exited with 3\n  now: nothing was started" in running.errors()
    assert "serving" not in running.output()
    assert release.leftovers() == []


def test_a_hook_whose_interpreter_is_missing_is_told_with_that_name(make: Make) -> None:
    release = make(hooks=[("pre_start", "20-bad", "#!/nowhere/ruby -w\n")])
    running = release.begin("foreground")
    assert running.wait() == 1
    why = "cannot be executed: its first line names /nowhere/ruby, which is not on this host"
    assert running.errors().endswith(f"error: the pre_start hook 20-bad {why}\n  now: nothing was started\n")
    assert release.leftovers() == []


def test_a_failing_post_start_hook_stops_the_release_in_order(make: Make) -> None:
    release = make(
        hooks=[("post_start", "20-bad", "exit 3"), ("pre_stop", "20-r", RECORD), ("post_stop", "20-r", RECORD)]
    )
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "the post_start hook 20-bad exited with 3" in running.errors()
    assert "now: the release is stopped" in running.errors()
    assert "served" in running.output()
    assert (release.var / "events").read_text().split() == ["pre_stop", "post_stop", "1"]
    assert release.leftovers() == []


def test_a_failing_post_start_hook_that_only_warns_is_in_status(make: Make) -> None:
    release = make(hooks=[("post_start", "20-bad", "exit 3")], hook_fields={"on_failure": "warn"})
    release.foreground()
    report = release.status()
    assert report["state"] == "running"
    assert report["last_failure"] == "the post_start hook 20-bad exited with 3"


@pytest.mark.parametrize("event", ["pre_stop", "post_stop"])
def test_a_failing_stop_hook_does_not_keep_the_release_from_stopping(make: Make, event: str) -> None:
    release = make(hooks=[(event, "20-bad", "exit 3")])
    running = release.foreground()
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert f"warning: the {event} hook 20-bad exited with 3" in running.errors()
    assert release.leftovers() == []


@pytest.mark.parametrize("event", ALL_EVENTS)
def test_a_hanging_hook_is_ended_at_its_limit_with_its_children(make: Make, event: str) -> None:
    release = make(hooks=[(event, "20-hang", "sleep 300 & sleep 300")], hook_fields={"timeout_s": 0.3})
    running = release.begin("foreground")
    if event in ("pre_stop", "post_stop"):
        running.says("is running")
        running.signal(signal.SIGTERM)
    assert running.wait() == (0 if event in ("pre_stop", "post_stop") else 1)
    assert f"the {event} hook 20-hang was ended after its limit of 0.3 s" in running.errors()
    assert release.leftovers() == []


@pytest.mark.parametrize("event", ALL_EVENTS)
def test_a_stop_while_a_hook_hangs_ends_the_hook_and_the_release(make: Make, event: str) -> None:
    hang = 'echo begun; trap "" TERM; sleep 300 & wait; wait'
    release = make(hooks=[(event, "20-hang", hang)], hook_fields={"timeout_s": 600.0})
    running = release.begin("foreground")
    if event in ("pre_stop", "post_stop"):
        running.says("is running")
        running.signal(signal.SIGINT)
    running.says("begun")
    running.signal(signal.SIGINT)
    running.says("stops (SIGINT)")
    running.signal(signal.SIGINT)
    running.wait()
    assert release.leftovers() == []


def test_an_app_that_never_becomes_ready_is_stopped_with_the_reason(make: Make) -> None:
    release = make(
        modules={"app.py": FOREVER},
        readiness=ready_by("tcp", "127.0.0.1:1", 0.3),
        hooks=[("post_start", "20-r", RECORD)],
    )
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "app 1.0.0 did not become ready in 0.3 s" in running.errors()
    assert "127.0.0.1:1: Connection refused" in running.errors()
    assert not (release.var / "events").exists()
    assert release.leftovers() == []


def test_the_question_for_readiness_never_imports_a_module(make: Make) -> None:
    modules = {"app.py": FOREVER, "other.py": "print('imported', flush=True)\ndef is_ready():\n    return True\n"}
    release = make(modules=modules, readiness=ready_by("call", "other:is_ready", 2.0))
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "other:is_ready: the app has not imported other" in running.errors()
    assert "imported\n" not in running.output()


def test_an_app_that_says_ready_itself_is_believed(make: Make) -> None:
    code = "import os, socket\n" + FOREVER.replace(
        "    while",
        "    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:\n"
        "        a = os.environ['NOTIFY_SOCKET']\n"
        "        s.sendto(b'READY=1', '\\0' + a[1:] if a[0] == '@' else a)\n    while",
    )
    release = make(modules={"app.py": code}, readiness=ready_by("notify"))
    release.foreground()
    assert release.status()["ready"] is True


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import missing_module\n", "ModuleNotFoundError: No module named 'missing_module'"),
        ("def main():\n    raise ValueError('no luck')\n", "ValueError: no luck"),
        ("def other():\n    pass\n", "main"),
    ],
)
def test_an_entry_point_that_does_not_import_or_raises_is_told(make: Make, code: str, said: str) -> None:
    release = make(modules={"app.py": code})
    running = release.begin("foreground")
    assert running.wait() == 1
    assert said in running.errors()
    assert running.errors().count("error: ") == 1
    assert "releaser/runtime" not in running.errors()
    assert release.leftovers() == []


def test_missing_required_variables_are_all_told_at_once(make: Make) -> None:
    release = make(required_env=["DATABASE_URL", "SECRET_KEY"])
    running = release.begin("foreground")
    assert running.wait() == 3
    assert "DATABASE_URL: not set, and listed in required_env" in running.errors()
    assert "SECRET_KEY: not set, and listed in required_env" in running.errors()
    assert release.leftovers() == []


def test_env_sh_reads_what_a_pre_configure_hook_wrote(make: Make) -> None:
    release = make(hooks=[("pre_configure", "20-fetch", 'echo "GREETING=fetched" >"$RELEASE_VAR/settings"')])
    (release.root / "releases/1.0.0/env.sh").write_text(
        f'[ -r "{release.var}/settings" ] && . "{release.var}/settings" || :\n'
    )
    release.foreground()
    assert release.run("rpc", "os:getenv", "GREETING").stdout == "fetched\n"


def test_a_call_hook_runs_in_the_app_or_in_a_fresh_process(make: Make) -> None:
    def call(event: str, name: str) -> Hook:
        return Hook(event=event, name=name, path="", call="app:pid", timeout_s=30.0, on_failure="abort")

    release = make(call_hooks=[call("pre_start", "20-fresh"), call("post_start", "20-inside")])
    running = release.foreground()
    instance = release.status()["instances"][0]["pid"]
    assert f"[post_start 20-inside] {instance}\n" in running.output()
    assert "[pre_start 20-fresh] " in running.output()
    assert f"[pre_start 20-fresh] {instance}\n" not in running.output()


def read_only(release: Release) -> None:
    """Mount the release's folder read-only for what the test starts; permissions do not stop root."""
    if os.getuid() != 0:
        pytest.skip("needs to mount")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    release.shell = ("unshare", "--mount", "sh", "-c", script, str(release.root))


def test_a_read_only_root_runs_with_release_var_elsewhere(make: Make, tmp_path: Path) -> None:
    release = make()
    read_only(release)
    release.env["RELEASE_VAR"] = str(tmp_path / "elsewhere")
    running = release.foreground()
    assert release.run("ping").returncode == 0
    assert not (release.root / "var").exists()
    assert release.run("stop").returncode == 0
    assert running.wait() == 0
    assert release.leftovers() == []


def test_a_read_only_root_without_release_var_says_what_to_do(make: Make) -> None:
    release = make()
    read_only(release)
    running = release.begin("foreground")
    assert running.wait() == 1
    assert f"error: cannot write to {release.root}/var: Read-only file system" in running.errors()
    assert "hint: name a folder that this user can write to in RELEASE_VAR" in running.errors()


def test_a_folder_that_cannot_be_written_to_is_told(make: Make) -> None:
    release = make()
    (release.root / "var").write_text("a file where the folder should be")
    running = release.begin("foreground")
    assert running.wait() == 1
    assert "cannot write to" in running.errors()
    assert "RELEASE_VAR" in running.errors()


def test_a_release_deeper_than_a_socket_address_can_say_works(make: Make) -> None:
    release = make(folder="/".join(["a-folder-with-a-long-name"] * 6), readiness=ready_by("started"))
    running = release.foreground()
    assert len(str(release.var / "run" / "control.sock")) > 107
    assert release.run("ping").stdout == "pong\n"
    assert release.run("rpc", "app:pid").returncode == 0
    assert release.run("stop").returncode == 0
    assert running.wait() == 0


def test_stop_waits_until_the_release_is_gone(make: Make) -> None:
    release = make()
    running = release.foreground()
    assert release.run("stop").returncode == 0
    assert release.leftovers() == []
    assert running.wait() == 0


def test_stop_with_a_timeout_kills_what_does_not_end(make: Make) -> None:
    release = make(modules={"app.py": SLOW_STOP}, stop_timeout_s=600.0)
    running = release.foreground()
    assert release.run("stop", "--timeout", "200ms").returncode == 0
    assert running.wait() == 137


@pytest.mark.parametrize("command", ["ping", "pid", "status", "stop"])
def test_commands_that_need_a_running_release_say_that_it_is_not(make: Make, command: str) -> None:
    release = make()
    answer = release.run(command)
    assert (answer.returncode, answer.stdout, answer.stderr) == (4, "", "error: app is not running\n")
    assert not release.var.exists()


def test_a_reader_that_stops_reading_does_not_stop_the_supervisor(make: Make) -> None:
    release = make(hooks=[("post_start", "20-flood", "yes flood | head -n 200000; echo end")])
    reader, writer = os.pipe()
    try:
        running = release.begin("foreground", stdout=writer)
        eventually(lambda: release.run("ping").returncode == 0)
        assert release.run("status").returncode == 0
        running.signal(signal.SIGTERM)
        running.wait()
    finally:
        os.close(reader)
        os.close(writer)
    assert release.leftovers() == []


def test_standard_descriptors_may_be_closed(make: Make) -> None:
    release = make()
    release.shell = ("/bin/sh", "-c", 'exec "$@" <&- >&-', "sh")
    release.begin("foreground", stdin=None)
    release.shell = ()
    eventually(lambda: release.run("ping").returncode == 0)


def test_status_tells_what_runs(make: Make) -> None:
    release = make(hooks=[("post_start", "20-up", "true")])
    running = release.foreground()
    report = release.status()
    assert report["pid"] == running.pid
    assert (report["name"], report["version"], report["state"], report["ready"]) == ("app", "1.0.0", "running", True)
    assert [hook["outcome"] for hook in report["hooks"]] == ["done"]
    text = release.run("status").stdout
    assert text.startswith("app 1.0.0 (prod): running\n")
    assert max(len(line) for line in text.splitlines()) <= 80


def test_orphans_are_reaped_as_process_1(make: Make) -> None:
    if os.getuid() != 0:
        pytest.skip("needs a process namespace")
    orphans = SERVER.replace(
        '    print("serving"', '    os.system("(sleep 0.1 &) ; (sleep 0.1 &)")\n    print("serving"'
    )
    release = make(modules={"app.py": orphans})
    release.shell = ("unshare", "--fork", "--pid", "--kill-child", "--mount-proc")
    running = release.foreground()
    first = int(subprocess.run(["pgrep", "-P", str(running.pid)], capture_output=True, text=True, check=True).stdout)

    def zombies() -> str:
        listing = subprocess.run(
            ["ps", "-o", "state=", "--ppid", str(first)], capture_output=True, text=True, check=False
        )
        return listing.stdout

    eventually(lambda: "Z" not in zombies() and zombies().count("\n") == 1)
    os.kill(first, signal.SIGTERM)
    assert running.wait() == 0
