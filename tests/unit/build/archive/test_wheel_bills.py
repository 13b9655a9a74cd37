"""What packages say that is inside of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from releaser.build.archive.wheel_bills import parts_of

ITSELF = {"type": "library", "bom-ref": "itself", "name": "driver", "version": "1.0"}


def bill(*components: object, **fields: object) -> str:
    metadata = {"component": ITSELF}
    return json.dumps({"bomFormat": "CycloneDX", "metadata": metadata, "components": list(components), **fields})


def write(folder: Path, text: str, name: str = "auditwheel.cdx.json") -> Path:
    (folder / "sboms").mkdir(exist_ok=True)
    (folder / "sboms" / name).write_text(text)
    return folder


def test_the_libraries_inside_are_named_without_the_package_itself(tmp_path: Path) -> None:
    sasl = {
        "bom-ref": "a",
        "name": "cyrus-sasl-lib",
        "version": "2.1.26",
        "purl": "pkg:rpm/centos/cyrus-sasl-lib@2.1.26",
    }
    crate = {"bom-ref": "b", "name": "heck", "licenses": [{"expression": "MIT OR Apache-2.0"}]}
    named = {"bom-ref": "c", "name": "abc", "licenses": [{"license": {"name": "its own"}}]}
    write(tmp_path, bill(ITSELF, sasl, crate))
    write(tmp_path, bill(named, crate), "more.json")

    found = parts_of(tmp_path)

    assert [(part.name, part.version, part.licence) for part in found] == [
        ("abc", "", "its own"),
        ("cyrus-sasl-lib", "2.1.26", ""),
        ("heck", "", "MIT OR Apache-2.0"),
    ]
    assert [part.reference for part in found] == ["abc@", "pkg:rpm/centos/cyrus-sasl-lib@2.1.26", "heck@"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "no json",
        '{"bomFormat": "SPDX"}',
        bill(components="none"),
        bill("text", None, {"name": 7}, {"version": "1"}),
    ],
)
def test_what_cannot_be_used_is_passed_over(tmp_path: Path, text: str) -> None:
    assert parts_of(write(tmp_path, text)) == ()


def test_a_package_url_that_is_none_does_not_hide_the_part(tmp_path: Path) -> None:
    (part,) = parts_of(write(tmp_path, bill({"bom-ref": "a", "name": "zlib", "version": "1.3", "purl": "zlib"})))
    assert (part.purl, part.reference) == (None, "zlib@1.3")


def test_without_a_name_of_its_own_a_bill_names_parts_only(tmp_path: Path) -> None:
    (part,) = parts_of(write(tmp_path, bill({"name": "zlib"}, metadata=None)))
    assert part.name == "zlib"


def test_a_package_without_a_bill_has_nothing_to_say(tmp_path: Path) -> None:
    assert parts_of(tmp_path) == ()
