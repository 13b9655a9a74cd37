"""How does a line get to the end of a file, in a shell? A hint that is copied must not join it to the last one."""

from __future__ import annotations

from pathlib import Path


def append_command(folder: Path, name: str, line: str) -> str:
    """Return the command that appends `line` to the file `name` of `folder`, in a line of its own."""
    try:
        content = (folder / name).read_bytes()
    except OSError:
        content = b""
    if content and not content.endswith(b"\n"):
        return f"printf '\\n{line}\\n' >> {name}"
    return f"echo {line} >> {name}"
