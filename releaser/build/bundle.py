"""How do the app and its dependencies become one file? A shiv zipapp, with byte code inside, the same bytes each time.

Everything of the app lies below `site-packages/`; the runtime unpacks just that. `python NAME.pyz` works on its own
as well, by shiv's bootstrap, which unpacks below `~/.shiv` or `SHIV_ROOT`.
"""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
from pathlib import Path
from typing import Final

from shiv import __version__ as shiv_version  # type: ignore[import-untyped]
from shiv.bootstrap.environment import Environment  # type: ignore[import-untyped]
from shiv.builder import create_archive  # type: ignore[import-untyped]
from shiv.constants import BUILD_AT_TIMESTAMP_FORMAT  # type: ignore[import-untyped]

from releaser.build.stage import Stage
from releaser.runtime.manifest import MAIN, Entry

ID_CHARACTERS: Final = 32
STANDALONE = "releaser-standalone"


def write_bundle(stage: Stage) -> None:
    """Write `NAME.pyz` from the staged site-packages, and compute its id."""
    entry = stage.entries[MAIN]
    if not _is_plain(entry):
        _write_standalone(stage, entry)
    stage.bundle_id = content_hash(stage.site_packages)
    target = stage.release / f"{stage.plan.sketch.name}.pyz"
    create_archive(
        [stage.site_packages],
        target,
        f"/usr/bin/env python{stage.plan.interpreter.version}",
        "_bootstrap:bootstrap",
        _environment(stage, entry),
    )
    _add_byte_code(target, stage.site_packages, stage.epoch)


def content_hash(folder: Path) -> str:
    """Return a hash of every file below `folder`: path, executable bit and content."""
    total = hashlib.sha256()
    for path in _files(folder):
        is_executable = bool(path.stat().st_mode & 0o100)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder)}\0{is_executable:d}\0{digest}\n".encode())
    return total.hexdigest()[:ID_CHARACTERS]


def _environment(stage: Stage, entry: Entry) -> Environment:
    plain = _is_plain(entry)
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


def _is_plain(entry: Entry) -> bool:
    """Tell whether shiv's own way of starting, to import and call, is all that is needed."""
    return entry.kind == "callable" and not entry.args


def _write_standalone(stage: Stage, entry: Entry) -> None:
    """Write the script that `python NAME.pyz` runs where shiv has no word for it: arguments, modules, scripts."""
    folder = stage.site_packages / "bin"
    folder.mkdir()
    lines = [
        f"import os, runpy, sys\nfrom releaser.runtime.environment import substitute\n"
        f"sys.argv[:1] = [{entry.argv0!r}, *(substitute(text, os.environ) for text in {entry.args!r})]"
    ]
    match entry.kind:
        case "module":
            lines.append(f"runpy.run_module({entry.target!r}, run_name='__main__', alter_sys=True)\nsys.exit()")
        case "script":
            (folder / entry.argv0).write_bytes((stage.release / entry.target).read_bytes())
            lines.append(f"here = os.path.dirname(__file__)\nrunpy.run_path(os.path.join(here, {entry.argv0!r}),")
            lines.append("               run_name='__main__')\nsys.exit()")
        case _:
            module, _, attribute = entry.target.partition(":")
            lines.append(f"import importlib, operator\nmodule = importlib.import_module({module!r})")
            lines.append(f"sys.exit(operator.attrgetter({attribute!r})(module)())")
    (folder / STANDALONE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _add_byte_code(target: Path, site_packages: Path, epoch: int) -> None:
    """Append the byte code, which shiv leaves out, and set the modes of all members, which follow the umask else."""
    moment = time.gmtime(epoch)
    date = (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)
    with zipfile.ZipFile(target, "a") as archive:
        for path in _files(site_packages):
            if path.suffix != ".pyc":
                continue
            member = zipfile.ZipInfo(f"site-packages/{path.relative_to(site_packages)}", date)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, path.read_bytes())
        for member in archive.infolist():
            is_executable = bool(member.external_attr >> 16 & 0o100)
            member.external_attr = (0o100755 if is_executable else 0o100644) << 16


def _files(folder: Path) -> list[Path]:
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return sorted(found, key=lambda path: os.fsencode(path))
