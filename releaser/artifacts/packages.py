"""Which packages are in a bundle, and how much room does each take? Told by their RECORDs, inside the zip."""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import PurePosixPath
from typing import IO

from releaser.artifacts.opening import DamagedArtifact

SITE_PACKAGES = "site-packages/"
NOBODYS = "(no package)"
OURS = "releaser.runtime"
_OUR_FOLDER = "releaser/"
_DISTRIBUTION = re.compile(r"([^/]+\.dist-info)/METADATA")
"""Deeper ones are of what a package brings inside, as setuptools does; their files are that package's."""
_SHORT_LICENCE = 60
_TEXT_BYTES = 64 * 1024 * 1024
"""More than the RECORD of any distribution."""
_UNREADABLE = (zipfile.BadZipFile, zlib.error, csv.Error, EOFError, RuntimeError, struct.error)
"""What zipfile raises of one that is damaged, encrypted, or of another making."""
_CLASSIFIER = "License :: OSI Approved :: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What a distribution says of itself."""

    name: str
    version: str
    licence: str
    """An SPDX expression, or whatever it says; empty when it says nothing short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One distribution in a bundle."""

    name: str
    version: str
    licence: str
    files: int
    size_bytes: int
    """Unpacked, its byte code included."""
    packed_bytes: int
    """In the bundle."""


def are_packed(packages: Iterable[Package]) -> bool:
    """Tell whether the bundle is compressed: an archive may do that for it."""
    return any(each.packed_bytes != each.size_bytes for each in packages)


def read_packages(file: IO[bytes], shown: str) -> tuple[Package, ...]:
    """Return what is in the bundle `file`, the largest first; files of no distribution are one package of that name.

    Raises:
        DamagedArtifact: it is no zip file.
    """
    try:
        with zipfile.ZipFile(file) as bundle:
            return _packages(bundle)
    except _UNREADABLE as error:
        raise DamagedArtifact(f"cannot read {shown}: {str(error).lower()}") from error


def parse_metadata(text: str) -> Metadata:
    """Return what a METADATA file says."""
    headers = HeaderParser().parsestr(text)
    expression = headers.get("License-Expression", "")
    written = headers.get("License", "").strip()
    classifiers = [value for name, value in headers.items() if name == "Classifier"]
    approved = [value.removeprefix(_CLASSIFIER) for value in classifiers if value.startswith(_CLASSIFIER)]
    short = written if written and "\n" not in written and len(written) <= _SHORT_LICENCE else ""
    return Metadata(
        name=headers.get("Name", ""),
        version=headers.get("Version", ""),
        licence=expression or short or ", ".join(approved),
    )


def _packages(bundle: zipfile.ZipFile) -> tuple[Package, ...]:
    inside = [info for info in bundle.infolist() if info.filename.startswith(SITE_PACKAGES)]
    members = {info.filename.removeprefix(SITE_PACKAGES): info for info in inside}
    folders = sorted(match[1] for match in map(_DISTRIBUTION.fullmatch, members) if match)
    owners: dict[str, str] = {}
    described = {name: Metadata(name=name, version="", licence="") for name in (NOBODYS, OURS)}
    for folder in folders:
        described[folder] = parse_metadata(_text(bundle, members[f"{folder}/METADATA"]))
        record = members.get(f"{folder}/RECORD")
        if record is not None:
            rows = csv.reader(io.StringIO(_text(bundle, record)))
            owners |= {row[0]: folder for row in rows if row}
    found: dict[str, list[zipfile.ZipInfo]] = {}
    for name, info in members.items():
        if not info.is_dir():
            found.setdefault(_owner(name, owners), []).append(info)
    packages = [_package(described[owner], infos) for owner, infos in found.items()]
    return tuple(sorted(packages, key=lambda package: (-package.size_bytes, package.name)))


def _text(bundle: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    if info.file_size > _TEXT_BYTES:
        raise zipfile.BadZipFile(f"{info.filename} is larger than 64 MB")
    return bundle.read(info).decode("utf-8", "replace")


def _owner(name: str, owners: Mapping[str, str]) -> str:
    """Return whose file `name` is; byte code belongs to whom its source does."""
    path = PurePosixPath(name)
    candidates = [name]
    if path.suffix == ".pyc":
        folder = path.parent.parent if path.parent.name == "__pycache__" else path.parent
        candidates.append(str(folder / f"{path.name.partition('.')[0]}.py"))
    nobodys = OURS if name.startswith(_OUR_FOLDER) else NOBODYS
    return next((owners[candidate] for candidate in candidates if candidate in owners), nobodys)


def _package(metadata: Metadata, infos: list[zipfile.ZipInfo]) -> Package:
    return Package(
        name=metadata.name,
        version=metadata.version,
        licence=metadata.licence,
        files=len(infos),
        size_bytes=sum(info.file_size for info in infos),
        packed_bytes=sum(info.compress_size for info in infos),
    )
