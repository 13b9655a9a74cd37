"""What is a release made of? A CycloneDX 1.6 bill of materials that depends on nothing but the release.

The interpreter with what is linked into it, every shared library, every package of the bundle with what it says to have
inside, and what releaser itself puts in. The serial number is made from the content, and there is no time in it: the
same release has the same bill.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from releaser.artifacts.packages import Metadata, parse_metadata
from releaser.build.archive.wheel_bills import Part, parts_of
from releaser.build.stage.found import Library, LinkedIn
from releaser.build.stage.under_way import Stage
from releaser.build.tools.dist_info import dist_infos

_OURS = {"releaser": ("releaser-py", "Apache-2.0"), "shiv": ("shiv", "BSD-2-Clause")}
"""Of the tools that made the release, those that put code of their own into it."""
_PYTHONS_LICENCE = "PSF-2.0"


def sbom(stage: Stage) -> str:
    """Return the bill of materials of a staged release as JSON."""
    sketch = stage.plan.sketch
    root = Component(
        name=sketch.name,
        version=sketch.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"release:{sketch.name}@{sketch.version}",
    )
    contents = list(_contents(stage))
    components = {str(each.bom_ref.value): each for component, inside in contents for each in (component, *inside)}
    identity = "\n".join([sketch.name, sketch.version, sketch.environment, stage.bundle_id, *sorted(components)])
    bom = Bom(components=components.values(), serial_number=uuid.uuid5(uuid.NAMESPACE_OID, identity))
    bom.metadata.component = root
    bom.register_dependency(root, list(components.values()))
    for component, inside in contents:
        bom.register_dependency(component, [components[str(each.bom_ref.value)] for each in inside])
    value = json.loads(JsonV1Dot6(bom).output_as_string())
    del value["metadata"]["timestamp"]
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _contents(stage: Stage) -> Iterator[tuple[Component, list[Component]]]:
    """Yield what was put into the release, each with what is part of its files."""
    for folder in dist_infos(stage.site_packages):
        metadata = parse_metadata((folder / "METADATA").read_text(encoding="utf-8", errors="replace"))
        yield _package(metadata), [_part(part, metadata) for part in parts_of(folder)]
    for tool, (name, licence) in _OURS.items():
        version = stage.plan.sketch.inputs.get(tool, "")
        yield _package(Metadata(name=name, version=version, licence=licence)), []
    if stage.bundled_python:
        yield _interpreter(stage.full_version), [_linked_in(library) for library in stage.linked_in]
    for library in stage.libraries:
        yield _library(library, stage.root, stage.bundled_python), []


def _package(metadata: Metadata) -> Component:
    purl = PackageURL("pypi", name=canonicalize_name(metadata.name), version=metadata.version)
    return Component(
        name=metadata.name,
        version=metadata.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=_licences(metadata.licence),
    )


def _interpreter(version: str) -> Component:
    purl = PackageURL("generic", name="cpython", version=version)
    return Component(
        name="cpython",
        version=version,
        type=ComponentType.PLATFORM,
        purl=purl,
        bom_ref=str(purl),
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        licenses=_licences(_PYTHONS_LICENCE),
    )


def _library(library: Library, root: Path, interpreter: str) -> Component:
    place = f"{interpreter}/{library.path}"
    with (root / place).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    purl = PackageURL("deb", "debian", library.package, library.version) if library.package else None
    return Component(
        name=library.name,
        version=library.version or None,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=f"file:{place}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        licenses=_licences(library.licence),
    )


def _linked_in(library: LinkedIn) -> Component:
    return Component(
        name=library.name,
        version=library.version or None,
        type=ComponentType.LIBRARY,
        description="linked into the interpreter or one of its modules",
        purl=PackageURL("generic", name=library.name, version=library.version or None),
        bom_ref=f"linked:{library.name}",
        cpe=library.cpe or None,
        licenses=_licences(library.licence),
    )


def _part(part: Part, package: Metadata) -> Component:
    return Component(
        name=part.name,
        version=part.version or None,
        type=ComponentType.LIBRARY,
        description=f"inside {package.name}, as its own bill of materials says",
        purl=part.purl,
        bom_ref=f"inside:{canonicalize_name(package.name)}:{part.reference}",
        licenses=_licences(part.licence),
    )


def _licences(text: str) -> list[DisjunctiveLicense | LicenseExpression]:
    """Return a licence by its name; whether a text is an SPDX expression is for whoever wrote it to know."""
    if not text:
        return []
    return [LicenseExpression(text)] if _is_expression(text) else [DisjunctiveLicense(name=text)]


def _is_expression(text: str) -> bool:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return False
    return True
