"""Releases that are really run: their launcher, their commands, and one place that ends whatever a test started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from support.handmade import PYTHON_VERSION, write_record, write_release
from support.waiting import eventually

from releaser.runtime.release.manifest import Hook

TEMPLATE = Path(__file__).parents[2] / "releaser" / "build" / "release" / "launcher.sh.j2"
LIMIT_S = 60.0

SERVER = """\
import http.server
import os
import signal
import socket
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("GREETING", "hello").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def pid():
    return os.getpid()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("serving", *sys.argv[1:], flush=True)
    server.serve_forever()
    print("served", flush=True)
"""
"""An app that serves on its inherited socket and ends in order on SIGTERM."""


@dataclass(kw_only=True)
class Running:
    """A process of a release, with its output in files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self.out.read_text(errors="replace")

    def errors(self) -> str:
        return self.err.read_text(errors="replace")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def insist(self) -> None:
        """Send SIGINT until it has ended, as a person does who presses Ctrl-C again; two at once count as one."""

        def has_ended() -> bool:
            self.signal(signal.SIGINT)
            return self.process.poll() is not None

        eventually(has_ended, within=LIMIT_S)

    def wait(self, within: float = LIMIT_S) -> int:
        """Return the exit code, 128 + n for signal n; fail with what it wrote when it does not end."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"pid {self.pid} goes on:\n{self.output()}\n{self.errors()}") from None
        return code if code >= 0 else 128 - code

    def says(self, text: str, within: float = 30.0) -> None:
        """Wait until `text` was written to either stream; fail at once when the process ends without it."""

        def said() -> bool:
            ended = self.process.poll() is not None
            if text in self.output() + self.errors():
                return True
            assert not ended, (
                f"ended with {self.process.returncode} without {text!r}:\n{self.output()}\n{self.errors()}"
            )
            return False

        eventually(said, within=within)


@dataclass(kw_only=True)
class Release:
    """A release in a folder, and what a test does with it."""

    root: Path
    name: str = "app"
    env: dict[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ()
    link: Path | None = None
    """What is called instead of the launcher itself."""
    scratch: Path
    _started: list[Running] = field(default_factory=list)
    _count: int = 0

    @property
    def launcher(self) -> Path:
        return self.root / "bin" / self.name

    @property
    def var(self) -> Path:
        return Path(self.env.get("RELEASE_VAR", self.root / "var"))

    def argv(self, *words: str) -> list[str]:
        return [*self.shell, str(self.link or self.launcher), *words]

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, stdin: str | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run one command of the release to its end."""
        return subprocess.run(
            self.argv(*words),
            env=self.env if env is None else dict(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
            **options,
        )

    def begin(self, *words: str, env: Mapping[str, str] | None = None, **options: Any) -> Running:
        """Start a command of the release in a session of its own."""
        self._count += 1
        out, err = (self.scratch / f"{self._count}.{stream}" for stream in ("out", "err"))
        options.setdefault("stdin", subprocess.DEVNULL)
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                self.argv(*words),
                env=self.env if env is None else dict(env),
                **{"stdout": out_file, "stderr": err_file, "start_new_session": True, **options},
            )
        running = Running(process=process, out=out, err=err)
        self._started.append(running)
        return running

    def foreground(self, *args: str, until: str = "[release] is running", **options: Any) -> Running:
        """Start the release and wait until it says `until` (nothing: do not wait)."""
        running = self.begin("foreground", *args, **options)
        if until:
            running.says(until)
        return running

    def status(self) -> dict[str, Any]:
        import json

        answer = self.run("status", "--json")
        assert answer.returncode == 0, answer.stderr
        report: dict[str, Any] = json.loads(answer.stdout)
        return report

    def processes(self) -> dict[int, str]:
        """Return every process whose command line or working folder is in this release: pid and command line."""
        return processes_below(self.root)

    def leftovers(self) -> list[str]:
        """Return what a release that has ended must not leave: processes, sockets, a pid file, a held lock."""
        found = [f"process {pid}: {line}" for pid, line in self.processes().items()]
        run = self.var / "run"
        if run.exists():
            found += [str(path) for path in run.iterdir() if path.name not in ("lock", "python")]
            if (run / "lock").exists() and not _is_free(run / "lock"):
                found.append("the lock is held")
        return found

    def end(self) -> None:
        """Kill what is left of what this test started, by process id."""
        for running in self._started:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not self.processes(), within=20)


def write_launcher(root: Path, name: str, version: str = "1.0.0", python: str = f"{PYTHON_VERSION} -") -> None:
    """Render the real launcher into `bin` and name the Python that it looks for."""
    import shlex

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["shell_quote"] = shlex.quote
    text = environment.from_string(TEMPLATE.read_text()).render(name=name, version=version)
    (root / "bin").mkdir(exist_ok=True)
    launcher = root / "bin" / name
    launcher.write_text(text)
    launcher.chmod(0o755)
    (root / "releases" / version / "python").write_text(python + "\n")
    (root / "releases" / version / "env.sh").write_text("# settings of this host\n")


def make_release(
    root: Path,
    scratch: Path,
    *,
    modules: Mapping[str, str] | None = None,
    hooks: Sequence[tuple[str, str, str]] = (),
    hook_fields: Mapping[str, Any] | None = None,
    name: str = "app",
    **fields: Any,
) -> Release:
    """Write a release by hand and return it; `hooks` are (event, name, text of the script)."""
    root.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(exist_ok=True)
    records = [
        Hook(
            **{
                "event": event,
                "name": hook,
                "path": f"hooks/{event}.d/{hook}",
                "call": "",
                "timeout_s": 30.0,
                "on_failure": {"post_start": "stop", "pre_stop": "warn", "post_stop": "warn"}.get(event, "abort"),
                **(hook_fields or {}),
            }
        )
        for event, hook, _ in hooks
    ]
    handmade = write_release(
        root,
        modules=modules or {"app.py": SERVER},
        name=name,
        hooks=[*records, *fields.pop("call_hooks", [])],
        **fields,
    )
    write_launcher(root, name, handmade.version)
    for event, hook, text in hooks:
        path = root / "releases" / handmade.version / "hooks" / f"{event}.d" / hook
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    write_record(root, handmade.version)
    return Release(root=root, name=name, scratch=scratch, env=base_environment())


def base_environment() -> dict[str, str]:
    """Return the environment that releases are run with: this interpreter found without a search, nothing else."""
    return {"PATH": "/usr/bin:/bin", "RELEASE_PYTHON": os.path.realpath(sys.executable)}


def processes_below(root: Path) -> dict[int, str]:
    """Return the processes that name `root` in their command line or work in it; not this one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            folder = str((entry / "cwd").readlink())
            if state != "Z" and (f"{root}/" in f"{line} " or folder == str(root) or folder.startswith(f"{root}/")):
                found[int(entry.name)] = line
    return found


def _is_free(lock: Path) -> bool:
    import fcntl

    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


Make = Callable[..., Release]


@contextlib.contextmanager
def making_releases(parent: Path) -> Iterator[Make]:
    """Give a test a `make_release` that works below `parent`, and end whatever was made, whatever happens."""
    with ending() as kept:

        def make(folder: str = "release", **options: Any) -> Release:
            return kept(make_release(parent / folder, parent / "scratch", **options))

        yield make


@contextlib.contextmanager
def ending() -> Iterator[Callable[[Release], Release]]:
    """Give a fixture what hands each release it gets on, and ends all of them with the test."""
    with contextlib.ExitStack() as given:
        yield lambda release: given.enter_context(ended(release))


@contextlib.contextmanager
def ended(release: Release) -> Iterator[Release]:
    """Give a release to a test and end what it started, whatever happens."""
    try:
        yield release
    finally:
        release.end()
