"""A web server on loopback whose certificate is of an authority that nobody knows."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_REQUEST = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3")
_LEAF = "subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"


def make_authority(folder: Path) -> tuple[Path, Path]:
    """Write an authority's certificate and one of a server that it has signed, with its key, and return both files."""
    if shutil.which("openssl") is None:
        assert "CI" not in os.environ, "CI must have openssl"
        pytest.skip("no openssl here")
    authority, server = folder / "authority.pem", folder / "server.pem"
    key, leaf_key, leaf = folder / "authority.key", folder / "server.key", folder / "server.crt"
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    _openssl(*_REQUEST, "-subj", "/CN=an authority", *usage, "-keyout", key, "-out", authority)
    signed = ("-CA", authority, "-CAkey", key, *(word for text in _LEAF for word in ("-addext", text)))
    _openssl(*_REQUEST, "-subj", "/CN=a server", *signed, "-keyout", leaf_key, "-out", leaf)
    server.write_text(leaf.read_text() + leaf_key.read_text())
    return authority, server


@contextmanager
def serving_tls(certificate: Path) -> Iterator[str]:
    """Serve one page by https and give its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"served by TLS")

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
