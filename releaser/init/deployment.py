"""How is the app run elsewhere already? What a Procfile and a Dockerfile say of it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releaser.plan.project.reading import Unreadable, text_of

_OF_THE_IMAGE = re.compile(
    "(PATH|HOME|LANG|LC_.*|TZ|DEBIAN_.*|PYTHON.*|PIP_.*|UV_.*|POETRY_.*|PDM_.*|VIRTUAL_ENV|PORT)$"
)
_INSTALLED = re.compile(r"\bpip3?\s+install\s[^|;&\n]*?(?:-r|--requirement)[\s=]*(?:\./)?([\w./-]+\.txt)")
_ASKED = re.compile(r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[^/\s]*)?(?P<path>/[^\s\"'|;&]*)")


_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What the last stage of a Dockerfile says."""

    entrypoint: tuple[str, ...] = ()
    """Words of its last ENTRYPOINT; none of one that needs a shell."""
    cmd: tuple[str, ...] = ()
    """Words of its last CMD."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What its ENV lines set to a plain value."""
    port: str = ""
    """The first port that it exposes."""
    health: str = ""
    """The path that its HEALTHCHECK asks."""
    requirements: tuple[str, ...] = ()
    """Files that its RUN lines give to `pip install -r`, the last one first."""


def read_procfile(text: str) -> dict[str, tuple[str, ...]]:
    """Return the words of each process; none of one that needs a shell."""
    processes: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        name, colon, command = line.partition(":")
        if colon and re.fullmatch(r"[A-Za-z0-9_-]+", name.strip()):
            processes.setdefault(name.strip(), shell_words(command.strip()))
    return processes


def read_dockerfile(folder: Path) -> Dockerfile:
    """Return what the Dockerfile or Containerfile in `folder` says; nothing without one."""
    text = next((text for name in ("Dockerfile", "Containerfile") if (text := _text(folder / name))), "")
    found = {instruction: next(reversed([*_words_of(text, instruction)]), ()) for instruction in ("ENTRYPOINT", "CMD")}
    asked = next((match for line in _lines_of(text, "HEALTHCHECK") if (match := _ASKED.search(line))), None)
    return Dockerfile(
        entrypoint=found["ENTRYPOINT"],
        cmd=found["CMD"],
        env=_env(text),
        port=next((words[0].partition("/")[0] for words in _words_of(text, "EXPOSE") if words), ""),
        health=asked["path"] if asked else "",
        requirements=tuple(reversed(_INSTALLED.findall("\n".join(_lines_of(text, "RUN"))))),
    )


def compose_health(folder: Path) -> str:
    """Return the path on its own host that a health check of a compose file in `folder` asks, or nothing."""
    for name in _COMPOSE:
        lines = iter(_text(folder / name).splitlines())
        for line in lines:
            depth = len(line) - len(line.lstrip())
            if line.strip() != "healthcheck:":
                continue
            for inner in lines:
                if inner.strip() and len(inner) - len(inner.lstrip()) <= depth:
                    break
                if asked := None if inner.lstrip().startswith("#") else _ASKED.search(inner):
                    return asked["path"]
    return ""


def shell_words(text: str) -> tuple[str, ...]:
    """Return the words of a command that needs no shell; nothing of one that does."""
    if re.search(r"[|;<>`&]|\$\(", text):
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        return ()
    return tuple(words) if not any("=" in word for word in words[:1]) else ()


def _lines_of(dockerfile: str, instruction: str) -> Iterator[str]:
    for line in dockerfile.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word.upper() == instruction:
            yield rest


def _words_of(dockerfile: str, instruction: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each line with this instruction, without the shell that only runs them."""
    for rest in _lines_of(dockerfile, instruction):
        words = _exec_form(rest) or shell_words(rest)
        is_shell = len(words) == 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1] in ("-c", "-lc")
        yield shell_words(words[2]) if is_shell else words


def _env(dockerfile: str) -> dict[str, str]:
    """Return the variables with a plain value; what Python, its installers and the shell need is the image's own."""
    found: dict[str, str] = {}
    for rest in _lines_of(dockerfile, "ENV"):
        try:
            words = shlex.split(rest)
        except ValueError:
            continue
        if words and "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]
        for name, _, value in (word.partition("=") for word in words):
            if re.fullmatch(r"[A-Za-z_]\w*", name) and not _OF_THE_IMAGE.match(name) and "$" not in value:
                found[name] = value
    return found


def _exec_form(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else ()


def _text(path: Path) -> str:
    try:
        return text_of(path)
    except Unreadable:
        return ""
