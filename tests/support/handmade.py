"""A release written by hand, without the builder: the runtime as it stands, a bundle from text, a manifest."""

from __future__ import annotations

import atexit
import compileall
import functools
import hashlib
import os
import py_compile
import shlex
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import releaser.runtime
from releaser.build.tools.tree import normalise_modes
from releaser.runtime.release.checking.record import NAME, encode, look_at, paths_below, sha256_of
from releaser.runtime.release.context import Context
from releaser.runtime.release.layout import Layout
from releaser.runtime.release.manifest import Bundle, Entry, Heart, Liveness, Log, Manifest, Python, Readiness

RUNTIME = Path(releaser.runtime.__file__).parent
PYTHON_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handmade:
    """A release on disk: `root` is its folder."""

    root: Path
    name: str
    version: str
    manifest: Manifest

    @property
    def layout(self) -> Layout:
        return Layout.of(str(self.root), self.version, {})

    @property
    def pyz(self) -> Path:
        return self.root / "releases" / self.version / self.manifest.bundle.file

    def context(self, environ: Mapping[str, str] | None = None) -> Context:
        """Return what a command of this release gets."""
        environ = os.environ if environ is None else environ
        return Context(Layout.of(str(self.root), self.version, environ), self.name, environ)

    def command(self, *words: str) -> list[str]:
        """Return the argv that the launcher would end in."""
        return [sys.executable, "-I", "-S", self.layout.runtime, str(self.root), self.version, *words]


@functools.cache
def compiled_runtime() -> Path:
    """Return a copy of the runtime with its byte code, as releases have it; of a changed source that is void."""
    folder = Path(tempfile.mkdtemp(prefix="releaser-runtime-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(RUNTIME, folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "runtime", quiet=1, invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    return folder / "runtime"


def write_release(
    root: Path,
    *,
    modules: Mapping[str, str],
    entry: Entry | None = None,
    name: str = "app",
    version: str = "1.0.0",
    python_version: str = PYTHON_VERSION,
    platform: str = "any",
    pth: Mapping[str, str] | None = None,
    source_paths: list[str] | None = None,
    **fields: Any,
) -> Handmade:
    """Write `root/releases/VERSION` and return it.

    `modules` maps paths below site-packages ("app.py", "app/web.py") to their text, `pth` names of obeyed `.pth`
    files to theirs. `fields` replace fields of the manifest; the entry point is `app:main` unless `entry` says more.
    """
    layout = Layout.of(str(root), version, {})
    release = Path(layout.release)
    release.mkdir(parents=True)
    shutil.copytree(compiled_runtime(), layout.runtime)
    write_bundle(release / f"{name}.pyz", {**modules, **(pth or {})})
    _write_launcher(root, name, layout)
    bundle_id = hashlib.sha256((release / f"{name}.pyz").read_bytes()).hexdigest()[:16]
    values: dict[str, Any] = {
        "name": name,
        "version": version,
        "environment": "prod",
        "python": Python(
            version=python_version,
            full_version=".".join(map(str, sys.version_info[:3])),
            implementation="cpython",
            platform=platform,
            bundled="",
        ),
        "bundle": Bundle(file=f"{name}.pyz", id=bundle_id, pth=list(pth or {}), source_paths=source_paths or []),
        "entry": entry or Entry(kind="callable", target="app:main", argv0="app", args=[]),
        "hooks": [],
        "commands": [],
        "sockets": [],
        "readiness": Readiness(kind="started", target="", timeout_s=10.0, interval_s=0.05),
        "heart": Heart(),
        "liveness": Liveness(),
        "processes": [],
        "log": Log(),
        "stop_timeout_s": 5.0,
        "required_env": [],
        "env": {},
        "env_file": "",
        "config_providers": [],
        "python_args": [],
        "python_optimize": 0,
        "migrations": [],
        "inputs": {},
        "links": {},
        **fields,
    }
    manifest = Manifest(**values)
    (root / "releases" / "default").write_text(f"{version}\n")
    (release / "manifest.json").write_text(manifest.to_json())
    write_record(root, version)
    return Handmade(root=root, name=name, version=version, manifest=manifest)


def write_record(root: Path, version: str = "1.0.0") -> None:
    """Write down how everything of a version is, so that it is as it was built from now on; modes are made plain."""
    for folder in root.iterdir():
        if folder.name not in ("var", "allowed_signers"):
            normalise_modes(folder)
    path = root / "releases" / version / NAME
    path.unlink(missing_ok=True)
    others = {
        f"releases/{other.name}" for other in (root / "releases").iterdir() if other.name not in (version, "default")
    }
    is_another = lambda path: path in (*others, "var", "allowed_signers")  # noqa: E731
    members = {name: look_at(str(root / name), sha256_of) for name in paths_below(str(root), is_another)}
    path.write_text(encode(members))
    path.chmod(0o644)


def _write_launcher(root: Path, name: str, layout: Layout) -> None:
    """Write the least launcher: no search for a Python, no env.sh."""
    words = [sys.executable, "-I", "-S", layout.runtime, str(root), layout.version]
    launcher = root / "bin" / name
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    launcher.chmod(0o755)


def write_bundle(path: Path, files: Mapping[str, str], executable: tuple[str, ...] = ()) -> None:
    """Write a zipapp whose `site-packages/` holds `files`; always the same bytes for the same files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), "")
        for name, text in sorted(files.items()):
            member = zipfile.ZipInfo(f"site-packages/{name}")
            member.external_attr = (0o755 if name in executable else 0o600) << 16
            archive.writestr(member, text)
