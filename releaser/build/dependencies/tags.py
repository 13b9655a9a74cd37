"""Does what was installed run on the platform and Python that the release is for? Read from the wheels' own tags."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.tags import Tag, parse_tag

from releaser.build.tools.dist_info import dist_infos
from releaser.errors import Problem, ProjectError
from releaser.plan.facts import Interpreter


def check_tags(site_packages: Path, interpreter: Interpreter) -> None:
    """Check the tags of every installed distribution.

    Raises:
        ProjectError: with a problem for each that is for something else.
    """
    problems: list[Problem] = []
    for folder in dist_infos(site_packages):
        tags = _tags(folder / "WHEEL")
        if tags and not any(fits(tag, interpreter) for tag in tags):
            shown = ", ".join(sorted(str(tag) for tag in tags))
            problems.append(Problem(where="", what=f"{folder.name.removesuffix('.dist-info')} is for {shown}"))
    if problems:
        target = f"Python {interpreter.version} on {interpreter.wheels_platform or interpreter.platform}"
        raise ProjectError(f"the bundle holds what does not run under {target}", problems=tuple(problems))


def fits(tag: Tag, interpreter: Interpreter) -> bool:
    """Tell whether a wheel with this tag runs there, as far as version and machine tell (PEP 425)."""
    if tag.platform != "any" and not tag.platform.endswith(interpreter.platform.partition("-")[2]):
        return False
    match = re.fullmatch(r"(py|cp)3(\d*)", tag.interpreter)
    if match is None:
        return False
    minor, wanted = int(match[2] or 0), int(interpreter.version.partition(".")[2])
    return minor == wanted or (minor < wanted and (match[1] == "py" or tag.abi == "abi3"))


def _tags(wheel: Path) -> frozenset[Tag]:
    if not wheel.is_file():
        return frozenset()
    lines = wheel.read_text(encoding="utf-8", errors="replace").splitlines()
    texts = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("tag:")]
    return frozenset(tag for text in texts for tag in parse_tag(text))
