"""Several versions of one small server, each built by the installed command into an archive."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.builds import built
from support.built import free_port
from support.running import Release, base_environment
from support.tiny_project import make_tiny_project

SERVER = """\
import http.server, os, signal, socket, sys, threading
from tiny import WORD

ENDING = threading.Event()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 2

    def do_GET(self):
        body = f"{WORD} {os.getpid()} {os.environ.get('GREETING', '')}".encode()
        self.send_response(503 if WORD == "never" else 200)
        self.send_header("Content-Length", str(len(body)))
        if ENDING.is_set():
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

def end(server):
    ENDING.set()         # from now on every answer says Connection: close
    server.shutdown()    # accept nothing more; the other version takes what waits in the queue

def main():
    if WORD == "broken":
        sys.exit("this version cannot start")
    given = int(os.environ.get("LISTEN_FDS", "0"))
    address = ("127.0.0.1", int(os.environ["PORT"]))
    server = http.server.ThreadingHTTPServer(address, Handler, bind_and_activate=not given)
    server.daemon_threads = False
    if given:
        server.socket.close()
        server.socket = socket.socket(fileno=3)
        server.socket.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end, args=(server,)).start())
    print(WORD, "serves", flush=True)
    server.serve_forever(poll_interval=0.02)
    server.server_close()    # waits for the connections that are open

def version():
    return WORD
"""
"""Answers with its word and pid; on SIGTERM it drains. `broken` does not start, `never` does not become ready."""

CONFIG = """\
default_release = "tiny"
default_environment = "prod"

[release.tiny]
entry_point = "tiny.app:main"
readiness = {{ http = "http://127.0.0.1:${{PORT}}/", timeout = "{timeout}", interval = "50ms" }}
stop_timeout = "20s"
{settings}

[environment.prod]
"""
SOCKET = 'sockets = { web = "127.0.0.1:${PORT}" }\n'
NOTE = """\
#!/bin/sh
echo "$RELEASE_EVENT $RELEASE_VERSION $RELEASE_OLD_VERSION $RELEASE_NEW_VERSION" >>"$RELEASE_VAR/notes"
"""
"""Both hooks: a line for each time they run."""


def build_version(
    folder: Path, version: str, word: str, *, settings: str = SOCKET, timeout: str = "60s", hooks: str = NOTE
) -> Path:
    """Build the server as `version` below `folder` and return its archive; both upgrade hooks are `hooks`."""
    text = CONFIG.format(settings=settings + _HOOKS, timeout=timeout)
    project = make_tiny_project(folder / f"project-{version}", version=version, config=text, word=word)
    (project / "src/tiny/app.py").write_text(SERVER)
    (project / "rel/hook").write_text(hooks)
    return built(project).parents[1] / f"tiny-{version}.tar.gz"


_HOOKS = """
[release.tiny.hooks]
pre_upgrade = "rel/hook"
post_upgrade = "rel/hook"
"""


def unpacked_by_tar(archive: Path, folder: Path) -> Release:
    """Unpack an archive into `folder` as people do, and return the release."""
    folder.mkdir(parents=True)
    subprocess.run(["tar", "xzf", archive], cwd=folder, check=True)
    scratch = folder / "scratch"
    scratch.mkdir()
    environment = {**base_environment(), "PORT": str(free_port())}
    return Release(root=folder / "tiny", name="tiny", scratch=scratch, env=environment)
