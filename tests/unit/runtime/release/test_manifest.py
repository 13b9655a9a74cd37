"""The manifest: written and read back, and refused when it is not one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.handmade import write_release

from releaser.runtime.release.manifest import Hook, Manifest, ManifestError, Migrations, Socket, load


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


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("stop_timeout_s",), "5", "stop_timeout_s is no number of seconds"),
        (("stop_timeout_s",), -1, "stop_timeout_s is no number of seconds"),
        (("stop_timeout_s",), float("nan"), "stop_timeout_s is no number of seconds"),
        (("stop_timeout_s",), float("inf"), "stop_timeout_s is no number of seconds"),
        (("stop_timeout_s",), True, "stop_timeout_s is no number of seconds"),
        (("readiness", "kind"), "psychic", "readiness: kind is none of started, notify, http, tcp, call"),
        (("readiness",), [], "readiness is no object"),
        (("required_env",), "A", "required_env is no list of texts"),
        (("env",), {"A": 1}, "env is no object of texts"),
        (("env",), {"A": "a\0b"}, "env is no object of texts"),
        (("env",), {"A": "\ud800"}, "env is no object of texts"),
        (("hooks", 0, "timeout_s"), 10**400, "a hook: timeout_s is no number of seconds"),
        (("hooks", 0), None, "a hook: is no object"),
        (("bundle", "id"), "../../x", "bundle: id is no name of a file"),
        (("version",), "..", "version is no name of a file"),
        (("name",), "", "name is no name of a file"),
        (("heart", "is_on"), 1, "heart: is_on is neither true nor false"),
        (("log", "count"), 1.5, "log: count is no whole number that can be counted to"),
        (("python_optimize",), 3, "python_optimize is none of 0, 1, 2"),
        (("migrations", 0, "command"), "x", "a database: command is no object"),
        (
            ("migrations", 0, "command"),
            {"kind": 1},
            "the command of a database: kind is none of callable, module, script, file",
        ),
        (("a\nb\u001b",), 1, "a?b? is not known"),
    ],
    ids=str,
)
def test_a_field_of_another_kind_is_named(
    manifest: Manifest, path: tuple[str | int, ...], value: object, said: str
) -> None:
    fields = json.loads(manifest.to_json())
    place = fields
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value

    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(json.dumps(fields))

    assert str(caught.value) == f"the manifest is damaged: {said}"


@pytest.mark.parametrize("path", [("stop_timeout_s",), ("hooks", 0, "name"), ("python", "version")], ids=str)
def test_a_field_that_is_missing_is_named(manifest: Manifest, path: tuple[str | int, ...]) -> None:
    fields = json.loads(manifest.to_json())
    place = fields
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]

    with pytest.raises(ManifestError, match=f"the manifest is damaged: it has no '{path[-1]}'"):
        Manifest.from_json(json.dumps(fields))


def test_what_is_no_file_or_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "latin").write_bytes(b'{"name": "\xe4"}')

    for name, said in (
        ("pipe", "not a regular file"),
        ("device", "not a regular file"),
        (".", "not a regular file"),
        ("latin", "the manifest is damaged"),
    ):
        with pytest.raises(ManifestError, match=said):
            load(str(tmp_path / name))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        load(str(tmp_path / "manifest.json"))
