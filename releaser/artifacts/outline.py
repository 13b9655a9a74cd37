"""What is told of a release? Its parts and their sizes, what starts what, as lines for people and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from releaser.artifacts.boot import Phase, boot_order, entry_text, upgrade_hooks
from releaser.artifacts.packages import Package, are_packed
from releaser.artifacts.reading import Artifact

MOST_PACKAGES = 15
_FOLDERS = {"runtime": "the runtime", "hooks": "hooks", "commands": "commands", "migrations": "migrations"}
_HASH = re.compile(r"sha256:([0-9a-f]{16})[0-9a-f]{48}")
_SHORT_HASH = r"sha256:\1"
_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the release's tree."""

    name: str
    path: str
    """Below the root; of a folder with a `/` at the end."""
    files: int
    size_bytes: int


def parts_of(artifact: Artifact) -> tuple[Part, ...]:
    """Return what the tree consists of, folders that belong together as one part, in the order of their paths."""
    found: dict[str, tuple[str, int, int]] = {}
    for item in artifact.items:
        name, path = _part(item.path, artifact.manifest.bundle.file)
        _, files, size_bytes = found.get(path, (name, 0, 0))
        found[path] = (name, files + 1, size_bytes + item.size_bytes)
    return tuple(
        Part(name=name, path=path, files=files, size_bytes=size_bytes)
        for path, (name, files, size_bytes) in sorted(found.items())
    )


def outline_lines(artifact: Artifact) -> list[str]:
    """Return everything that `inspect` prints."""
    return [
        f"{artifact.title} ({artifact.manifest.environment})",
        *_indented(_identity(artifact)),
        "",
        "tree",
        *(
            f"  {part.path:<44} {amount(part.size_bytes):>10}  {_count(part.files)}".rstrip()
            for part in parts_of(artifact)
        ),
        "",
        *_package_lines(artifact.packages),
        "what starts what",
        *_phase_lines(boot_order(artifact.manifest)),
        *_upgrade_lines(artifact),
        *_migration_lines(artifact),
    ]


def outline_json(artifact: Artifact) -> str:
    """Return the same, and every file, as JSON."""
    manifest = artifact.manifest
    value: dict[str, Any] = {
        "name": manifest.name,
        "version": manifest.version,
        "environment": manifest.environment,
        "versions": artifact.versions,
        "kind": artifact.kind,
        "size_bytes": artifact.size_bytes,
        "python": manifest.python.to_dict(),
        "entry": manifest.entry.to_dict(),
        "inputs": manifest.inputs,
        "parts": [asdict(part) for part in parts_of(artifact)],
        "packages": [asdict(package) for package in artifact.packages],
        "boot": [asdict(phase) for phase in boot_order(manifest)],
        "upgrade": [asdict(phase) for phase in upgrade_hooks(manifest)],
        "hooks": [hook.to_dict() for hook in manifest.hooks],
        "commands": [command.to_dict() for command in manifest.commands],
        "migrations": [migrations.to_dict() for migrations in manifest.migrations],
        "files": [asdict(item) for item in artifact.items],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def identity(artifact: Artifact) -> tuple[tuple[str, str], ...]:
    """Return name and value of what identifies a release and says what it was made of."""
    manifest = artifact.manifest
    python = manifest.python
    where = f"bundled in {python.bundled}" if python.bundled else "of the host"
    pairs = [
        (artifact.kind, f"{artifact.path}, {amount(artifact.size_bytes)}"),
        ("runs", f"{entry_text(manifest)} ({manifest.entry.kind})"),
        ("python", f"{python.version} ({where}), {python.platform}"),
        *([("glibc", f"{python.glibc} or newer")] if python.glibc else []),
        ("bundle", f"{manifest.bundle.file}, {manifest.bundle.id[:16]}"),
    ]
    if len(artifact.versions) > 1:
        pairs.append(("versions", ", ".join(artifact.versions)))
    pairs += [("source", path) for path in manifest.bundle.source_paths]
    return (*pairs, *((name, short_hashes(value)) for name, value in manifest.inputs.items()))


def short_hashes(text: str) -> str:
    """Return `text` with the first letters of each hash in it, which are enough for people."""
    return _HASH.sub(_SHORT_HASH, text)


def amount(size_bytes: int) -> str:
    """Return a size for people: `812 bytes`, `9.1 MB`; powers of 1000."""
    for unit, factor in _UNITS:
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} byte" + "s" * (size_bytes != 1)


def _part(path: str, bundle: str) -> tuple[str, str]:
    """Return name and path of the part that a file belongs to."""
    first, *rest = path.split("/")
    if first.startswith("python-"):
        return "the interpreter", f"{first}/"
    if first != "releases" or len(rest) < 2:
        return path, path
    version, name = rest[:2]
    if len(rest) > 2:
        return _FOLDERS.get(name, name), f"releases/{version}/{name}/"
    return ("the bundle" if name == bundle else name), path


def _identity(artifact: Artifact) -> Iterator[str]:
    for name, value in identity(artifact):
        yield f"{name:<12} {value}"


def _package_lines(packages: tuple[Package, ...]) -> Iterator[str]:
    if not packages:
        return
    is_packed = are_packed(packages)
    yield f"{'packages of the bundle':<44} {'unpacked':>12}" + (f" {'packed':>10}" if is_packed else "")
    rows: list[tuple[str, tuple[Package, ...]]] = [
        (f"{each.name} {each.version}".rstrip(), (each,)) for each in packages[:MOST_PACKAGES]
    ]
    rest = packages[MOST_PACKAGES:]
    if rest:
        rows.append((f"{len(rest)} more", rest))
    for shown, counted in rows:
        packed = amount(sum(each.packed_bytes for each in counted)) if is_packed else ""
        yield f"  {shown:<44} {amount(sum(each.size_bytes for each in counted)):>10} {packed:>10}".rstrip()
    yield ""


def _phase_lines(phases: tuple[Phase, ...]) -> Iterator[str]:
    for number, phase in enumerate(phases, 1):
        yield f"  {number:>2}  {phase.name:<15} {phase.what}".rstrip()
        yield from (f"        {line}" for line in phase.lines)


def _upgrade_lines(artifact: Artifact) -> Iterator[str]:
    phases = upgrade_hooks(artifact.manifest)
    if phases:
        yield from ("", "an upgrade to it", *_phase_lines(phases))


def _migration_lines(artifact: Artifact) -> Iterator[str]:
    for migrations in artifact.manifest.migrations:
        count = len(migrations.line)
        yield ""
        yield f"migrations ({migrations.name}): {count} revision{'s' * (count != 1)}, run {migrations.run}"
        heads = ", ".join(migrations.heads)
        yield f"  {' -> '.join(migrations.line[-4:]) or 'read at start'}" + (f"  (head {heads})" if heads else "")


def _indented(lines: Iterator[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _count(files: int) -> str:
    return "" if files == 1 else f"{files} files"
