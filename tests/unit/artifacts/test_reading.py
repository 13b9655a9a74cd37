"""Reading finished releases, folder or archive, and what is told of them."""

from __future__ import annotations

import io
import json
import tarfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.artifacts import dist, finished, packed

from releaser.artifacts.boot import boot_order
from releaser.artifacts.opening import DamagedArtifact
from releaser.artifacts.outline import outline_json, outline_lines, parts_of
from releaser.artifacts.packages import NOBODYS, parse_metadata
from releaser.artifacts.page import page
from releaser.artifacts.reading import read_artifact
from releaser.artifacts.treemap import Rectangle, squarify
from releaser.cli.main import run
from releaser.errors import ReleaserError
from releaser.runtime.release.manifest import Hook, Migrations, Socket

MODULES = {
    **dist("big", "2.0", {"big/__init__.py": "x = 1\n" * 400, "big/data.bin": "ab" * 900}, "Apache-2.0"),
    **dist("small", "0.1", {"small.py": "y = 2\n"}),
    "small.pyc": "byte code",
    "big/__pycache__/__init__.cpython-311.pyc": "byte code" * 10,
    "app.py": "def main():\n    pass\n",
}
HOOKS = [
    Hook(event="post_start", name="20-warm", path="", call="app:warm", timeout_s=10.0, on_failure="warn"),
    Hook(event="pre_start", name="20-check", path="hooks/c", call="", timeout_s=5.0, on_failure="abort"),
    Hook(event="post_upgrade", name="20-tell", path="hooks/t", call="", timeout_s=5.0, on_failure="warn"),
]
MIGRATIONS = Migrations(
    name="default",
    scripts="migrations/default",
    config="",
    url="",
    run="post_start",
    version_table="alembic_version",
    line=["0001", "0002"],
    heads=["0002"],
    files={"0001": "a" * 64, "0002": "b" * 64},
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(
        tmp_path_factory.mktemp("made"),
        MODULES,
        hooks=HOOKS,
        migrations=[MIGRATIONS],
        sockets=[Socket(name="web", address="127.0.0.1:${PORT:-8000}")],
        required_env=["DATABASE_URL"],
    )


@pytest.mark.parametrize("name", ["app-1.0.0.tar.gz", "app-1.0.0.tar.zst"])
def test_an_archive_holds_what_its_folder_holds(root: Path, name: str) -> None:
    folder, archive = read_artifact(root), read_artifact(packed(root, name))
    assert archive.items == folder.items
    assert archive.packages == folder.packages
    assert archive.manifest == folder.manifest
    assert (folder.kind, archive.kind) == ("folder", "archive")
    assert "bin/app" in {item.path for item in folder.items if item.executable}


def test_a_file_that_runs_is_read_behind_its_script(root: Path, tmp_path: Path) -> None:
    run_file = tmp_path / "app-1.0.0.run"
    run_file.write_bytes(b"#!/bin/sh\nexit 1\n" + packed(root).read_bytes())
    assert read_artifact(run_file).items == read_artifact(root).items


def test_var_is_no_part_of_a_release(root: Path) -> None:
    (root / "var" / "log").mkdir(parents=True, exist_ok=True)
    (root / "var" / "log" / "app.log").write_text("a line\n")
    assert not [item for item in read_artifact(root).items if item.path.startswith("var")]


def test_a_package_owns_those_that_it_brings_inside(tmp_path: Path) -> None:
    inside = dist("inner", "1.0", {"inner.py": "z = 3\n"})
    vendored = {f"outer/_vendor/{name}": text for name, text in inside.items()}
    packages = read_artifact(finished(tmp_path, dist("outer", "3.0", {"outer/__init__.py": "", **vendored}))).packages
    assert {(package.name, package.version) for package in packages} == {("outer", "3.0")}
    (outer,) = packages
    assert outer.files == len(inside) + 3


def test_byte_code_counts_for_the_package_of_its_source(root: Path) -> None:
    packages = {package.name: package for package in read_artifact(root).packages}
    assert next(iter(packages)) == "big"
    assert packages["big"].size_bytes > 400 * 6 + 1800 + 90
    assert (packages["big"].licence, packages["big"].files) == ("Apache-2.0", 5)
    assert packages["small"].files == 4
    assert packages[NOBODYS].files == 1


def test_a_licence_is_an_expression_a_short_text_or_what_the_classifiers_say() -> None:
    assert parse_metadata("Name: a\nLicense-Expression: MIT\nLicense: other\n").licence == "MIT"
    assert parse_metadata("Name: a\nLicense: BSD\n").licence == "BSD"
    long = "Name: a\nLicense: Permission is hereby granted to\n        all\nClassifier: License :: OSI Approved :: X\n"
    assert parse_metadata(long).licence == "X"


def test_the_boot_order_is_that_of_a_start(root: Path) -> None:
    names = [phase.name for phase in boot_order(read_artifact(root).manifest)]
    order = ["launcher", "supervisor", "configure", "unpack", "pre_start", "instance", "ready", "post_start", "running"]
    assert [name for name in names if name in order] == order
    assert "post_upgrade" not in names
    assert "pre_stop" not in names


def test_the_outline_fits_a_terminal_and_names_everything(root: Path) -> None:
    lines = outline_lines(read_artifact(root))
    assert max(len(line) for line in lines[2:]) <= 80
    text = "\n".join(lines)
    for word in (
        "app 1.0.0 (prod)",
        "big 2.0",
        "20-check: hooks/c",
        "calls app:warm",
        "0001 -> 0002",
        "required: DATABASE",
    ):
        assert word in text
    assert text.index("20-check") < text.index("20-warm") < text.index("20-tell")


def test_the_json_has_every_file_and_the_parts_add_up(root: Path) -> None:
    artifact = read_artifact(root)
    value = json.loads(outline_json(artifact))
    assert len(value["files"]) == len(artifact.items)
    total = sum(part["size_bytes"] for part in value["parts"])
    assert total == artifact.size_bytes == sum(part.size_bytes for part in parts_of(artifact))
    assert value["migrations"][0]["heads"] == ["0002"]


class Page(HTMLParser):
    """Collects what a page would load, and its rectangles."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.rectangles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.rectangles += tag == "rect"
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]


def test_the_page_loads_nothing_and_escapes_names(root: Path, tmp_path: Path) -> None:
    artifact = read_artifact(finished(tmp_path, MODULES, required_env=["<script>alert(1)</script>"]))
    text = page(artifact)
    parser = Page()
    parser.feed(text)
    assert parser.loads == []
    assert "url(" not in text
    assert "@import" not in text
    assert "<script" not in text
    assert parser.rectangles >= 3
    assert "prefers-color-scheme: dark" in text


def test_a_treemap_fills_its_room_in_proportion() -> None:
    sizes = [600.0, 250.0, 100.0, 40.0, 9.0, 1.0]
    places = squarify(sizes, Rectangle(0, 0, 100, 50))
    for size, place in zip(sizes, places, strict=True):
        assert place.width * place.height == pytest.approx(size * 5)
        assert -1e-6 <= place.x <= place.x + place.width <= 100 + 1e-6
        assert -1e-6 <= place.y <= place.y + place.height <= 50 + 1e-6
    for number, one in enumerate(places):
        for other in places[:number]:
            assert not (
                min(one.x + one.width, other.x + other.width) - max(one.x, other.x) > 1e-6
                and min(one.y + one.height, other.y + other.height) - max(one.y, other.y) > 1e-6
            )


def test_what_is_no_release_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    for path in (tmp_path, tmp_path / "text", tmp_path / "missing"):
        with pytest.raises(ReleaserError, match=r"no release|cannot read"):
            read_artifact(path)


@pytest.mark.parametrize("name", ["app/../../evil", "/etc/evil", "other/file"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member in ("app", name):
            info = tarfile.TarInfo(member)
            info.type, info.mode = (tarfile.DIRTYPE, 0o755) if member == "app" else (tarfile.REGTYPE, 0o644)
            archive.addfile(info, io.BytesIO())
    with pytest.raises(DamagedArtifact, match="outside its folder"):
        read_artifact(path)


def test_a_damaged_archive_is_refused_in_words(root: Path, tmp_path: Path) -> None:
    whole = packed(root).read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedArtifact, match="cannot read"):
        read_artifact(tmp_path / "half.tar.gz")


def test_the_command_writes_a_page_and_prints_json(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(root), "--html", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'page.html'}\n"
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert run(["inspect", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "app"
    assert run(["inspect", str(tmp_path / "nothing")]) == 2
