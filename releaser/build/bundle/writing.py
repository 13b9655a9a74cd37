"""How do the app and its dependencies become one file? A shiv zipapp, with byte code inside, the same bytes each time.

Everything of the app lies below `site-packages/`; the runtime unpacks just that. `python NAME.pyz` works on its own
as well, by shiv's bootstrap, which unpacks below `~/.shiv` or `SHIV_ROOT`.
"""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shiv import __version__ as shiv_version  # type: ignore[import-untyped]
from shiv.bootstrap.environment import Environment  # type: ignore[import-untyped]
from shiv.builder import create_archive  # type: ignore[import-untyped]
from shiv.constants import BUILD_AT_TIMESTAMP_FORMAT  # type: ignore[import-untyped]

from releaser.build.bundle.programs import hashed_line, write_programs
from releaser.build.dependencies.installing import PACKED
from releaser.build.dependencies.members import Member, append_members, members_of, write_members
from releaser.build.dependencies.packed import method_of, open_members
from releaser.build.stage.under_way import Stage
from releaser.build.tools.layers import SITE_PACKAGES, Linked, link, names_below
from releaser.build.tools.tree import hash_of, normalise_modes
from releaser.runtime.bundle.tree import TREE
from releaser.runtime.bundle.unpack import PROGRAMS, TREE_MEMBERS
from releaser.runtime.release.manifest import MAIN, Entry

ID_CHARACTERS: Final = 32
STANDALONE = "releaser-standalone"


def write_bundle(stage: Stage) -> None:
    """Write `NAME.pyz` from the staged site-packages, whose modes are set before, and compute its id."""
    normalise_modes(stage.site_packages)
    entry = stage.entries[MAIN]
    if not _is_plain(entry, stage):
        _write_standalone(stage, entry)
    programs = write_programs(stage)
    beside = {f"app/{name}": stage.tree / name for name in _tree_files(stage)}
    beside |= {f"bin/{name}": path for name, path in programs.items()}
    stage.bundle_id = content_hash(stage.site_packages, stage.linked, beside, stage.shared)
    target = stage.bundle
    _open_all_members(stage)
    new, kept = _sorted_out(stage)
    create_archive(
        [_sources(stage, new)],
        target,
        f"/usr/bin/env python{stage.plan.interpreter.version}",
        "_bootstrap:bootstrap",
        _environment(stage, entry),
        compressed=not stage.plan.is_bundle_stored,
    )
    _add_members(stage, target, [name for name in new if name.endswith(".pyc")], kept, programs)


def _tree_files(stage: Stage) -> list[str]:
    """Return the files of the tree, their byte code included."""
    return names_below(stage.tree) if stage.tree_place == TREE else []


def content_hash(folder: Path, linked: Linked, beside: Mapping[str, Path], shared: tuple[str, ...] = ()) -> str:
    """Return a hash of every file below `folder`, path, executable bit and content, of what lies `beside`, by its path
    in the unpacked bundle, and of what of that is shared."""
    total = hashlib.sha256()
    for name in names_below(folder):
        status = os.lstat(f"{folder}/{name}")
        layer = linked.origin(name, status)
        digest = layer.files[f"{SITE_PACKAGES}/{name}"].sha256 if layer is not None else hash_of(folder / name)
        total.update(f"{name}\0{bool(status.st_mode & 0o100):d}\0{digest}\n".encode("utf-8", "surrogateescape"))
    for name, path in beside.items():
        total.update(hashed_line(name, path).encode("utf-8", "surrogateescape"))
    for name in shared:
        total.update(f"{name}\0shared\n".encode())
    return total.hexdigest()[:ID_CHARACTERS]


def _open_all_members(stage: Stage) -> None:
    stage.ahead.result(PACKED, stage.report)
    for layer in stage.linked.layers:
        if layer.key not in stage.linked.members:
            open_members(layer, stage)


def _sorted_out(stage: Stage) -> tuple[list[str], list[list[Member]]]:
    """Return the names of the files that this build has made, and the members of those that each layer holds."""
    members = {key: members_of(file) for key, file in stage.linked.members.items()}
    new: list[str] = []
    kept: dict[str, list[Member]] = {layer.key: [] for layer in stage.linked.layers}
    site_packages = stage.site_packages
    for name in names_below(site_packages):
        layer = stage.linked.origin(name, os.lstat(f"{site_packages}/{name}"))
        if layer is None:
            new.append(name)
        else:
            kept[layer.key].append(members[layer.key][f"{SITE_PACKAGES}/{name}"])
    return new, [sorted(each, key=lambda member: member.start) for each in kept.values()]


def _sources(stage: Stage, new: list[str]) -> Path:
    """Return a folder with what shiv packs: it takes whole folders, and leaves byte code out."""
    folder = stage.folder / "sources"
    folder.mkdir()
    made: set[str] = set()
    for name in new:
        if not name.endswith(".pyc"):
            link(f"{stage.site_packages}/{name}", f"{folder}/{name}", made)
    return folder


def _environment(stage: Stage, entry: Entry) -> Environment:
    plain = _is_plain(entry, stage)
    return Environment(
        built_at=time.strftime(BUILD_AT_TIMESTAMP_FORMAT, time.gmtime(stage.epoch)),
        shiv_version=shiv_version,
        build_id=stage.bundle_id,
        compile_pyc=False,
        entry_point=entry.target if plain else None,
        script=None if plain else STANDALONE,
        prepend_pythonpath=str(stage.source_paths[0]) if stage.source_paths else None,
        reproducible=True,
    )


def _is_plain(entry: Entry, stage: Stage) -> bool:
    """Tell whether shiv's own way of starting, to import and call where it was called, is all that is needed."""
    return entry.kind == "callable" and not entry.args and stage.tree_place != TREE


def _write_standalone(stage: Stage, entry: Entry) -> None:
    """Write the script that `python NAME.pyz` runs where shiv has no word for it: arguments, modules, scripts."""
    folder = stage.site_packages / "bin"
    folder.mkdir()
    lines = [
        f"import os, runpy, sys\nfrom releaser.runtime.release.variables.environment import substitute\n"
        f"sys.argv[:1] = [{entry.argv0!r}, *(substitute(text, os.environ) for text in {entry.args!r})]"
    ]
    if stage.tree_place == TREE:
        lines.append("tree = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))),")
        lines.append(f"                    {TREE_MEMBERS!r})\nos.chdir(tree)")
    match entry.kind:
        case "module":
            lines.append(f"runpy.run_module({entry.target!r}, run_name='__main__', alter_sys=True)\nsys.exit()")
        case "file":
            beside = os.path.dirname(entry.target)  # noqa: PTH120
            lines.append(f"sys.path.insert(0, os.path.join(tree, {beside!r}))")
            lines.append(f"runpy.run_path(os.path.join(tree, {entry.target!r}), run_name='__main__')\nsys.exit()")
        case "script":
            (folder / entry.argv0).write_bytes((stage.release / entry.target).read_bytes())
            lines.append(f"here = os.path.dirname(__file__)\nrunpy.run_path(os.path.join(here, {entry.argv0!r}),")
            lines.append("               run_name='__main__')\nsys.exit()")
        case _:
            module, _, attribute = entry.target.partition(":")
            lines.append(f"import importlib, operator\nmodule = importlib.import_module({module!r})")
            lines.append(f"sys.exit(operator.attrgetter({attribute!r})(module)())")
    (folder / STANDALONE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _add_members(
    stage: Stage, target: Path, byte_code: list[str], kept: list[list[Member]], programs: Mapping[str, Path]
) -> None:
    """Append what shiv left out, and set the modes of its own members, which follow the umask else.

    What layers hold comes before what this build has made, and where each begins is noted: an archive that was
    compressed before holds the same bytes from there.
    """
    packed = stage.folder / "byte-code.zip"
    files = [(f"{SITE_PACKAGES}/{name}", stage.site_packages / name) for name in byte_code]
    files += [(f"{PROGRAMS}{name}", path) for name, path in programs.items()]
    files += [(f"{TREE_MEMBERS}{name}", stage.tree / name) for name in _tree_files(stage)]
    write_members(packed, files, stage.epoch, method_of(stage))
    with packed.open("rb") as file, zipfile.ZipFile(target, "a") as archive:
        for info in archive.infolist():
            is_executable = bool(info.external_attr >> 16 & 0o100)
            info.external_attr = (0o100755 if is_executable else 0o100644) << 16
        for members in kept:
            stage.bundle_cuts.append(archive.start_dir)
            append_members(archive, members)
        append_members(archive, members_of(file).values())
