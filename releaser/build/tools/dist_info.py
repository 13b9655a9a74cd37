"""What do installers write beside the packages, and what of it may a release keep?

`direct_url.json`, uv's own notes, `INSTALLER` and `REQUESTED` differ from machine to machine or name places on it;
`RECORD` is written anew, so that it lists what is there. Formats: the packaging user guide's "Recording installed
projects" and "Entry points specification".
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

NOISE = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
_EXTENSION_ENDS = (".so", ".pyd", ".dylib")


def tidy(site_packages: Path) -> None:
    """Remove the noise of every installed distribution and write its RECORD anew."""
    for folder in dist_infos(site_packages):
        for name in NOISE:
            (folder / name).unlink(missing_ok=True)
        rewrite_record(folder)


def dist_infos(site_packages: Path) -> list[Path]:
    """Return the metadata folders of what is installed, sorted."""
    return sorted(site_packages.glob("*.dist-info"))


def recorded_files(folder: Path) -> list[str]:
    """Return the files that a distribution has installed below site-packages, by its metadata folder."""
    record = folder / "RECORD"
    return list(_recorded(record)) if record.is_file() else []


def rewrite_record(folder: Path) -> None:
    """Write RECORD with a row, hash and size for each of its files that is still there; byte code that took the place
    of its source is listed in its stead."""
    record = folder / "RECORD"
    if not record.is_file():
        return
    site_packages = folder.parent
    rows: list[tuple[str, str, str]] = []
    for name in sorted({*_recorded(record), f"{folder.name}/RECORD"}, key=os.fsencode):
        for candidate in (name, f"{name}c") if name.endswith(".py") else (name,):
            path = site_packages / candidate
            if candidate == f"{folder.name}/RECORD":
                rows.append((candidate, "", ""))
            elif path.is_file():
                rows.append(_row(candidate, path))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    if text.getvalue() != record.read_text(encoding="utf-8"):
        record.unlink()  # it may be linked to a layer of the cache, which stays as it is
        record.write_text(text.getvalue(), encoding="utf-8")


def forget_missing(folder: Path) -> None:
    """Take the rows of files that are gone out of RECORD; the others stay as they are, and nothing is read again."""
    record = folder / "RECORD"
    if not record.is_file():
        return
    with record.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    kept = [row for row in rows if (folder.parent / row[0]).exists()]
    if len(kept) == len(rows):
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(kept)
    record.unlink()  # it may be linked to a layer of the cache, which stays as it is
    record.write_text(text.getvalue(), encoding="utf-8")


def console_scripts(site_packages: Path) -> dict[str, str]:
    """Return the `module:attribute` of each console script of the bundle, by name."""
    found: dict[str, str] = {}
    for folder in dist_infos(site_packages):
        path = folder / "entry_points.txt"
        if path.is_file():
            found |= _scripts_in(path.read_text(encoding="utf-8"), "console_scripts")
    return found


def programs_of(site_packages: Path) -> dict[str, str]:
    """Return the `module:attribute` of each console script and each script with a window, by name."""
    found: dict[str, str] = {}
    for folder in dist_infos(site_packages):
        path = folder / "entry_points.txt"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            found |= _scripts_in(text, "gui_scripts") | _scripts_in(text, "console_scripts")
    return found


def wheel_files(wheel: Path) -> tuple[str, ...]:
    """Return where the files of `wheel` land below site-packages, without metadata, scripts and data files."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    return tuple(sorted(landed for name in names if (landed := _landing(name))))


def is_extension(name: str) -> bool:
    """Tell whether a file is machine code, bound to a platform: `x.so`, and `libx.so.1.2` of a repaired wheel."""
    return name.endswith(_EXTENSION_ENDS) or ".so." in name


def _scripts_in(text: str, group: str) -> dict[str, str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    if not parser.has_section(group):
        return {}
    # "module:attribute [extra]": extras were a question to the installer.
    return {name: value.partition("[")[0].strip() for name, value in parser.items(group)}


def _landing(name: str) -> str:
    first, _, rest = name.partition("/")
    if first.endswith(".dist-info"):
        return ""
    if first.endswith(".data"):
        scheme, _, inside = rest.partition("/")
        return inside if scheme in ("purelib", "platlib") else ""
    return name


def _recorded(record: Path) -> Iterator[str]:
    with record.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if row and ".." not in PurePosixPath(row[0]).parts and not row[0].startswith("/"):
                yield row[0]


def _row(name: str, path: Path) -> tuple[str, str, str]:
    content = path.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return name, f"sha256={digest}", str(len(content))
