"""`manifest.json`: any text is a manifest, or is refused in one line; what is read does not fail later by its kinds."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from support.fuzzing import called, fuzzed, is_one_line, kept_cases, mutated, one_example
from support.handmade import Handmade, write_release

from releaser.runtime.commands.command_line import main
from releaser.runtime.release.manifest import (
    Command,
    Entry,
    Heart,
    Hook,
    Liveness,
    Manifest,
    ManifestError,
    Migrations,
    Process,
    Readiness,
    Socket,
)

_ENTRY = Entry(kind="callable", target="app:main", argv0="app", args=["${PORT:-8000}"])
FIELDS: dict[str, Any] = {
    "hooks": [Hook(event="pre_start", name="a", path="hooks/a", call="", timeout_s=1.5, on_failure="stop")],
    "commands": [Command(name="seed", path="commands/seed", summary="seeds")],
    "sockets": [Socket(name="web", address="127.0.0.1:0")],
    "processes": [
        Process(
            name="worker",
            entry=_ENTRY,
            readiness=Readiness(kind="started", target="", timeout_s=1.0, interval_s=0.1),
            heart=Heart(),
            liveness=Liveness(),
            replicas=2,
            sockets=["web"],
        )
    ],
    "migrations": [
        Migrations(
            name="default",
            scripts="migrations/default",
            config="",
            url="sqlite:///x",
            run="manual",
            version_table="alembic_version",
            line=["a"],
            heads=["a"],
            files={"a": "0" * 64},
            command=_ENTRY,
            compatible={"a": True},
        )
    ],
    "env": {"A": "1"},
    "inputs": {"lock": "x"},
}


def original(folder: str) -> Handmade:
    return write_release(Path(folder), modules={"app.py": ""}, **FIELDS)


with tempfile.TemporaryDirectory() as _folder:
    TEXT = original(_folder).manifest.to_json()
TOKENS = [b"null", b"[]", b"{", b"NaN", b"1e999", b"\\ud800", b"\\u0000", b"[" * 20_000, b"9" * 5_000, b"\\n"]
COMMANDS = [
    ["describe"],
    ["version"],
    ["verify"],
    ["help"],
    ["status"],
    ["ping"],
    ["versions"],
    ["generate", "systemd"],
    ["generate", "systemd", "--socket"],
]
OTHER_KINDS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 10**20, 10**400, 1.5, -0.0, float("nan"), float("inf"), 1e308])
    | st.sampled_from(
        ["", ".", "..", "../../x", "/etc/passwd", "a\0b", "\ud800", "\udcff", "a\nb", "\x1b[2J", "x" * 5000]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def manifests(draw: Any) -> str:
    """Draw the text of a manifest in which a few values are of other kinds, gone, or new."""
    data: Any = copy.deepcopy(json.loads(TEXT))
    for _ in range(draw(st.integers(1, 3))):
        place = data
        while True:
            if isinstance(place, dict) and place:
                key: Any = draw(st.sampled_from(sorted(place)))
            elif isinstance(place, list) and place:
                key = draw(st.integers(0, len(place) - 1))
            else:
                break
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            match draw(st.sampled_from(["change", "change", "change", "remove", "add"])):
                case "change":
                    place[key] = draw(OTHER_KINDS)
                case "remove":
                    del place[key]
                case _ if isinstance(place, dict):
                    place[draw(st.text(max_size=4))] = draw(OTHER_KINDS)
                case _:
                    place.append(draw(OTHER_KINDS))
            break
    return json.dumps(data)


def check(text: str) -> None:
    """Check that `text` is a manifest that can be worked with, or is refused in one line."""
    why = ""
    try:
        manifest = Manifest.from_json(text)
    except ManifestError as error:
        why = str(error)
    if why:
        assert is_one_line(why)
        assert len(why) <= 400
        return
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.all_processes()[0].entry == manifest.entry
    assert "/" not in manifest.bundle.id + manifest.bundle.file + manifest.name + manifest.version
    manifest.to_json().encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    return original(str(tmp_path_factory.mktemp("release")))


def check_commands(release: Handmade, content: bytes) -> None:
    """Check that commands which read the manifest end in order, whatever it is."""
    Path(release.layout.manifest).write_bytes(content)
    for words in COMMANDS:
        code, told = called(main, str(release.root), release.version, *words)
        assert code in (0, 1, 2, 3, 4), told
        assert "Traceback" not in told
        assert code == 0 or all(map(is_one_line, told.splitlines())), told


@fuzzed(manifests(), examples=300)
def test_a_manifest_with_other_kinds_is_read_or_refused(text: str) -> None:
    with one_example():
        check(text)


@fuzzed(mutated([TEXT.encode()], TOKENS), examples=100)
def test_a_manifest_with_slips_is_read_or_refused(content: bytes) -> None:
    with one_example():
        check(content.decode("utf-8", "replace"))


@fuzzed(manifests(), examples=60)
def test_commands_end_in_order_whatever_kinds_a_manifest_has(release: Handmade, text: str) -> None:
    with one_example():
        check_commands(release, text.encode())


@fuzzed(mutated([TEXT.encode()], TOKENS), examples=40)
def test_commands_end_in_order_whatever_a_manifest_is(release: Handmade, content: bytes) -> None:
    with one_example():
        check_commands(release, content)


@pytest.mark.parametrize("case", kept_cases("manifest"), ids=lambda path: path.name)
def test_a_case_that_was_found_once_is_read_or_refused(release: Handmade, case: Path) -> None:
    with one_example():
        check(case.read_bytes().decode("utf-8", "replace"))
        check_commands(release, case.read_bytes())


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop"])
def test_a_manifest_that_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    release = original(str(tmp_path))
    path = Path(release.layout.manifest)
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            path.symlink_to(path)

    with one_example():
        code, told = called(main, str(release.root), release.version, "describe")

    assert code == 3
    assert told.startswith("error: release 1.0.0 cannot be used: cannot read ")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_original_is_one_that_commands_take(release: Handmade, words: list[str]) -> None:
    Path(release.layout.manifest).write_text(TEXT)

    code, told = called(main, str(release.root), release.version, *words)

    expected = {"ping": (4,), "status": (4,), "verify": (0, 1, 3)}  # nothing runs, and it may not be as it was built
    assert code in expected.get(words[0], (0,)), told
