"""The manifest: written and read back, and refused when it is not one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.handmade import write_release

from releaser.runtime.manifest import Hook, Manifest, ManifestError, Migrations, Socket, load


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    hook = Hook(event="post_start", name="20-a", path="hooks/a", call="", timeout_s=1.5, on_failure="stop")
    migrations = Migrations(
        name="default",
        scripts="migrations/default",
        config="",
        url="${DATABASE_URL}",
        run="manual",
        version_table="alembic_version",
        line=["a", "b"],
        heads=["b"],
        files={"a": "0" * 64},
    )
    return write_release(
        tmp_path,
        modules={"app.py": ""},
        hooks=[hook],
        migrations=[migrations],
        sockets=[Socket(name="web", address="127.0.0.1:0")],
    ).manifest


def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert hash(Manifest.from_json(manifest.to_json())) == hash(manifest)


def test_the_same_values_give_the_same_text(manifest: Manifest) -> None:
    text = manifest.to_json()
    assert Manifest.from_json(text).to_json() == text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_hooks_of_an_event_keep_their_order(manifest: Manifest) -> None:
    assert [hook.name for hook in manifest.hooks_of("post_start")] == ["20-a"]
    assert manifest.hooks_of("pre_start") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "manifest format 2 is not known to this runtime (it knows 1)"),
        ({"format": None}, "manifest format None is not known"),
        ({"python": {}}, "the manifest is damaged"),
        ({"surprise": 1}, "the manifest is damaged"),
        ({"hooks": 3}, "the manifest is damaged"),
    ],
)
def test_another_format_or_shape_is_refused(manifest: Manifest, change: dict[str, object], said: str) -> None:
    fields = json.loads(manifest.to_json()) | change
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(json.dumps(fields))
    assert said in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        load(str(tmp_path / "manifest.json"))
