"""Finished releases without a build: hand-made trees with packages in the bundle, packed by the builder's archiver."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.handmade import write_record, write_release

from releaser.build.archive.writing import write_archive
from releaser.runtime.release.manifest import Python, load

INTERPRETER = "python-3.11.7-0123456789ab"


def dist(name: str, version: str, files: Mapping[str, str], licence: str = "MIT") -> dict[str, str]:
    """Return an installed distribution's files, metadata included."""
    info = f"{name}-{version}.dist-info"
    headers = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: {licence}\n"
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/METADATA", f"{info}/RECORD"])
    return {**files, f"{info}/METADATA": headers, f"{info}/RECORD": record}


def finished(
    folder: Path, modules: Mapping[str, str] | None = None, interpreter: Mapping[str, str] | None = None, **fields: Any
) -> Path:
    """Write a release with its record into `folder` and return its root.

    `interpreter` are the files of a bundled one, which nobody could run.
    """
    root = folder / "app"
    made = write_release(root, modules=modules or {"app.py": "def main():\n    pass\n"}, **fields)
    release = Path(made.layout.release)
    manifest = load(str(release / "manifest.json"))
    if interpreter:
        for name, text in interpreter.items():
            (root / INTERPRETER / name).parent.mkdir(parents=True, exist_ok=True)
            (root / INTERPRETER / name).write_text(text)
        manifest.python = Python(**{**manifest.python.to_dict(), "bundled": INTERPRETER})
    (release / "manifest.json").write_text(manifest.to_json())
    write_record(root, made.version)
    return root


def packed(root: Path, name: str = "app-1.0.0.tar.gz") -> Path:
    """Pack the release in `root` into an archive beside it."""
    archive = root.parent / name
    write_archive(root, archive, 0)
    return archive


def is_valid_bill(text: str) -> bool:
    """Tell whether a bill of materials is CycloneDX 1.6 by its strict schema."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the schema's own libraries
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
