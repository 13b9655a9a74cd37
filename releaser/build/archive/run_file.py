"""How does a release become one file that runs? A POSIX shell script in front of the archive of its tree.

The script knows the checksum and the size of what follows it, and its own length: that is rendered until it fits.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
from pathlib import Path

from jinja2 import Environment, StrictUndefined

TEMPLATE = Path(__file__).parent / "run_file.sh.j2"


def write_run_file(payload: Path, to: Path, name: str, version: str) -> None:
    """Write the file `to`: a script, and after it the tar.gz `payload`, which holds the folder `name`."""
    with payload.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    script = stub(TEMPLATE.read_text(encoding="utf-8"), name, version, sha256, payload.stat().st_size)
    with to.open("wb") as file, payload.open("rb") as content:
        file.write(script)
        shutil.copyfileobj(content, file, 1024 * 1024)
    to.chmod(0o755)


def stub(template: str, name: str, version: str, sha256: str, payload_bytes: int) -> bytes:
    """Return the script for a payload; it holds its own length in bytes."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["shell_quote"] = shlex.quote
    compiled = environment.from_string(template)
    length = -1
    rendered = b""
    while len(rendered) != length:
        length = len(rendered)
        rendered = compiled.render(
            name=name, version=version, sha256=sha256, payload_bytes=payload_bytes, stub_bytes=length
        ).encode()
    return rendered
