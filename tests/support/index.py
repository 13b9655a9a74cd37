"""A package index on loopback, and the packages in it."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "ada"
PASSWORD = "hunter2"


def make_wheel(folder: Path, name: str, *requires: str, says: str = "", version: str = "1.0") -> Path:
    """Write the wheel of a package `name` with one module, whose NAME is its own or what it `says`."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}.py": f"NAME = {says or name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in files.items():
            archive.writestr(zipfile.ZipInfo(member), text)
    return wheel


def digest_of(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def hashed(wheel: Path) -> str:
    """Return the line of a requirements.txt that pins the wheel."""
    return f"{wheel.name.split('-')[0]}==1.0 --hash=sha256:{digest_of(wheel)}\n"


def link_to(wheel: Path) -> str:
    return f'<a href="/files/{wheel.name}#sha256={digest_of(wheel)}">{wheel.name}</a>\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index (PEP 503) that wants a user and a password."""

    folder: Path
    """The wheels in it; more may come."""
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    @property
    def url_with_password(self) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}/simple"


@contextmanager
def serving(folder: Path, *, is_open: bool = False) -> Iterator[Index]:
    """Serve the wheels in `folder`, to everybody or to those with the password."""
    folder.mkdir()
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = self.path.partition("?")[0].strip("/").split("/")
            if not is_open and self.headers.get("Authorization") != wanted:
                self.answer(401, "text/plain", b"")
            elif parts[0] == "files" and (folder / parts[-1]).is_file():
                self.answer(200, "application/octet-stream", (folder / parts[-1]).read_bytes())
            else:
                wheels = sorted(folder.glob(f"{parts[-1].replace('-', '_')}-*.whl"))
                page = "".join(map(link_to, wheels)).encode()
                self.answer(200 if wheels else 404, "text/html", page)

        def do_HEAD(self) -> None:
            self.do_GET()

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Index(folder=folder, port=server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
