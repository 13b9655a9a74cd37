"""Is the unpacked bundle, which is what runs, still what is in the zipapp? Each file against the member's bytes.

The zipapp itself is compared with the record before. What an unpacked bundle has besides is a virtual environment's:
its configuration, the links to the interpreter, and in dev_mode the folders of the sources.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib

from ..release.checking import record
from ..release.checking.record import FILE, FOLDER, LINK, Member, quoted
from .tree import TREE, is_shared, link_of
from .unpack import PREFIX, PROGRAMS, TREE_MEMBERS, mode_of
from .unpacked import SOURCE_PATHS_FILE, environment_text, interpreter, is_unpacked, site_packages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

_PIECE_BYTES = 1024 * 1024
_CONFIGURATION = "pyvenv.cfg"


def compare_bundle(context: Context, python: str) -> tuple[list[str], int]:
    """Return what differs of the bundle in `var`, a sentence each, and how many files it has; 0: it is not unpacked.

    `python` is the real path of the interpreter in the release; empty when it has none, and any host's may be linked.

    Raises:
        OSError: a file of it cannot be read.
    """
    if not is_unpacked(context):
        return [], 0
    layout = context.layout
    home = layout.bundle(context.manifest.bundle.id)
    shown = os.path.relpath(home, os.path.dirname(layout.var))
    python = python or _linked(home)
    try:
        built = _built(context, os.path.relpath(site_packages(context), home), python)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        return [f"{shown}: cannot be compared: {context.manifest.bundle.file}: {error}"], 0
    problems = [problem for path, member in built.items() if (problem := _difference(home, path, member))]
    known = {*built, _CONFIGURATION}
    problems += [f"{path}: not part of the release" for path in record.paths_below(home) if path not in known]
    problems += _of_configuration(os.path.join(home, _CONFIGURATION), python)
    problems += _of_folders(home)
    return [f"{shown}/{quoted(problem)[1:-1]}" for problem in sorted(problems)], len(built)


def _built(context: Context, inside: str, python: str) -> dict[str, Member]:
    """Return what the unpacked bundle is made of, by path in its folder; `inside` is that of its site-packages."""
    manifest = context.manifest
    made: dict[str, Member] = {}
    places = {PREFIX: inside, PROGRAMS: "bin", TREE_MEMBERS: TREE}
    if manifest.bundle.tree == TREE:
        made[TREE] = Member(FOLDER)
        made |= {
            f"{TREE}/{path.rstrip('/')}": Member(LINK, link=link_of(context, path)) for path in manifest.bundle.shared
        }
    descriptor = os.open(os.path.join(context.layout.release, manifest.bundle.file), os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            first, _, rest = info.filename.partition("/")
            below = places.get(f"{first}/")
            if below is None or not rest or (below == TREE and is_shared(context, rest)):
                continue
            path = f"{below}/{rest}".rstrip("/")
            made[path] = Member(FOLDER) if info.is_dir() else _member(archive, info)
    if manifest.bundle.source_paths:
        made[f"{inside}/{SOURCE_PATHS_FILE}"] = _text("".join(f"{path}\n" for path in manifest.bundle.source_paths))
    made["bin/python"] = Member(LINK, link=python)
    made["bin/python3"] = Member(LINK, link="python")
    for path in list(made):
        while path := path.rpartition("/")[0]:
            made.setdefault(path, Member(FOLDER))
    return made


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    digest = hashlib.sha256()
    with archive.open(info) as content:
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
    return Member(FILE, mode=mode_of(info), sha256=digest.hexdigest())


def _text(text: str) -> Member:
    return Member(FILE, mode=0o644, sha256=hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


def _linked(home: str) -> str:
    """Return the interpreter of the host that the environment is linked to, if it is called as one."""
    found = os.path.realpath(os.path.join(home, "bin", "python"))
    return found if os.path.basename(found).startswith("python") else interpreter()


def _of_folders(home: str) -> list[str]:
    """Return what is wrong with the folder and the one above: a link leads to another's, and others may write."""
    problems: list[str] = []
    for path, shown in ((home, "."), (os.path.dirname(home), "..")):
        found = record.look_at(path)
        if found.kind != FOLDER:
            problems.append(f"{shown}: it is a link")
        elif found.mode & 0o022:
            problems.append(f"{shown}: others may write to it (mode {found.mode:04o})")
    return problems


def _of_configuration(path: str, python: str) -> list[str]:
    """Return what is wrong with the environment's configuration; a host's Python may be newer than it by a patch."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            found = file.read()
    except FileNotFoundError:
        return [f"{_CONFIGURATION}: missing"]
    wanted = environment_text(python)
    return [] if _without_version(found) == _without_version(wanted) else [f"{_CONFIGURATION}: changed"]


def _without_version(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("version = ")]


def _difference(home: str, path: str, built: Member) -> str:
    try:
        found = record.look_at(os.path.join(home, path), record.sha256_of)
    except (FileNotFoundError, NotADirectoryError):
        return f"{path}: missing"
    if found.kind != built.kind or found.link != built.link or found.sha256 != built.sha256:
        return f"{path}: changed"
    if found.kind == FILE and found.mode != built.mode:
        return f"{path}: its mode is {found.mode:04o}, and was {built.mode:04o}"
    if found.kind == FOLDER and found.mode & 0o022:
        return f"{path}: others may write to it (mode {found.mode:04o})"
    return ""
