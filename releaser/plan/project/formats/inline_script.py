"""What does a script say of itself in its first comment, `# /// script`? (PEP 723)"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from releaser.plan.project.reading import Unreadable, text_of, toml_in

_BLOCK = re.compile(r"^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE)


def inline_metadata(script: Path) -> dict[str, Any]:
    """Return what the block of a script says, in the words of `[project]`; empty without one that can be read."""
    try:
        match = _BLOCK.search(text_of(script))
        if match is None:
            return {}
        lines = (line.removeprefix("#").removeprefix(" ") for line in match["content"].splitlines())
        return toml_in("\n".join(lines))
    except (Unreadable, ValueError):
        return {}


def scripts_metadata(folder: Path) -> dict[str, Any]:
    """Return what the scripts at the top of `folder` say together: `dependencies` and `requires-python`."""
    found = [data for path in sorted(folder.glob("*.py")) if (data := inline_metadata(path))]
    listed = [each for data in found for each in data.get("dependencies", ()) if isinstance(each, str)]
    ranges = [str(data["requires-python"]) for data in found if isinstance(data.get("requires-python"), str)]
    return {"dependencies": list(dict.fromkeys(listed)), "requires-python": ",".join(dict.fromkeys(ranges))}
