"""The Python inside a release: what its bill of materials says, and what its programs can do with it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.artifacts import is_valid_bill
from support.built import Project, release_below, release_in
from support.dns import serving_names
from support.roots import put_busybox, put_glibc, put_musl
from support.running import Release, ended

VERSIONS = """
import _decimal, json, pyexpat, sqlite3, ssl, sys, zlib
print(json.dumps({
    "expat": pyexpat.EXPAT_VERSION.removeprefix("expat_"),
    "mpdecimal": _decimal.__libmpdec_version__,
    "openssl": ssl.OPENSSL_VERSION.split()[1],
    "sqlite": sqlite3.sqlite_version,
    "zlib": zlib.ZLIB_RUNTIME_VERSION,
    "cpython": sys.version.split()[0],
}))
"""
SHARED = {"expat": "libexpat", "mpdecimal": "libmpdec", "openssl": "libssl", "sqlite": "libsqlite3", "zlib": "libz."}
"""How each is called when it is a shared library beside the interpreter."""
TERMINALS = tuple(map(Path, ("/usr/share/terminfo", "/lib/terminfo", "/etc/terminfo", "/usr/lib/terminfo")))


def test_the_bill_of_materials_names_every_library_of_the_interpreter_beside_it_or_inside(project: Project) -> None:
    built = project.root / "_build/prod"
    release = release_in(built / "rel/app", project.root / "scratch", RELEASE_VAR=str(project.root / "scratch/var"))
    text = (built / "app-1.0.0.cdx.json").read_text(encoding="utf-8")
    assert is_valid_bill(text)
    bill = json.loads(text)
    asked = release.run("eval", VERSIONS)
    assert asked.returncode == 0, asked.stderr
    said = json.loads(asked.stdout)
    components = {component["name"]: component for component in bill["components"]}
    assert components["cpython"]["version"] == said.pop("cpython")
    on_disk = {path.name for path in (built / "rel/app").glob("python-*/lib/*.so*")}
    assert on_disk
    assert on_disk <= set(components)
    inside = {name for name in said if not any(shared.startswith(SHARED[name]) for shared in on_disk)}
    assert {name: components[name]["version"] for name in inside} == {name: said[name] for name in inside}
    assert not (set(said) - inside) & set(components)
    parts = {part["ref"]: part.get("dependsOn", []) for part in bill["dependencies"]}
    of_python = parts[components["cpython"]["bom-ref"]]
    assert {components[name]["bom-ref"] for name in inside} <= set(of_python)
    with zipfile.ZipFile(built / "rel/app/releases/1.0.0/app.pyz") as bundle:
        says_what_is_inside = any("/psycopg_binary-" in name and "/sboms/" in name for name in bundle.namelist())
    of_driver = parts[components["psycopg-binary"]["bom-ref"]] if says_what_is_inside else ["inside:psycopg-binary:"]
    assert of_driver
    assert all(part.startswith("inside:psycopg-binary:") for part in of_driver)
    assert all(component["licenses"] for component in bill["components"] if component["bom-ref"] in of_python)


@pytest.fixture(params=["glibc", "musl"])
def bare(request: pytest.FixtureRequest, project: Project, tmp_path: Path) -> Iterator[Release]:
    """The release where nothing but a C library and a shell is; its own C library with it where that is musl."""
    root = tmp_path / "root"
    put_busybox(root)
    if request.param == "glibc":
        put_glibc(root)
        built = project.root / "_build/prod/rel/app"
    else:
        put_musl(root)
        built = request.getfixturevalue("anywhere")
    with ended(release_below(root, built, tmp_path / "scratch", "opt/a plåce/app")) as release:
        yield release


def furnish(root: Path, name_server: str) -> None:
    """Put into `root` the files by which a host knows users, hosts, services and terminals."""
    texts = {
        "passwd": "root:x:0:0::/:/bin/sh\nada:x:1815:1815::/home/ada:/bin/sh\n",
        "hosts": "127.0.0.1 localhost\n127.0.0.9 near.example\n",
        "services": "gopher 70/tcp\n",
        "resolv.conf": f"nameserver {name_server}\noptions timeout:20\n",
        "nsswitch.conf": "passwd: files systemd sss\nhosts: files mdns4_minimal dns\nservices: db files\n",
    }
    (root / "etc").mkdir()
    for name, text in texts.items():
        (root / "etc" / name).write_text(text)
    terminal = next((path / "x/xterm" for path in TERMINALS if (path / "x/xterm").is_file()), None)
    if terminal is not None:
        (root / "usr/share/terminfo/x").mkdir(parents=True)
        shutil.copy(terminal, root / "usr/share/terminfo/x")


def test_where_next_to_nothing_is_its_programs_can_do_what_they_can_elsewhere(bare: Release, tmp_path: Path) -> None:
    root = tmp_path / "root"
    name_server = f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"  # another test may run at the same time
    furnish(root, name_server)
    shutil.copy(Path(__file__).parent / "ask_python.py", root / "ask_python.py")
    (root / "work").mkdir()
    with serving_names(name_server, "far.example", "192.0.2.7") as is_served:
        asked = bare.run("eval", "--file", "/ask_python.py", "/work")
    assert asked.returncode == 0, asked.stderr
    answers = json.loads(asked.stdout)
    by_dns = answers.pop("a host by DNS")
    assert by_dns == "192.0.2.7" or not is_served
    colours = answers.pop("a terminal's colours")
    assert colours == 8 or not (root / "usr/share/terminfo").exists()
    assert answers == {
        "a pool by spawn": [4, 9],
        "a pool by forkserver": [4, 9],
        "an executor of processes": [16],
        "a module in a child": "[1]",
        "the bundle in a child": "guestbook",
        "paths elsewhere": "[]",
        "a child of asyncio": "by asyncio",
        "a virtual environment": ["", "/work/made"],
        "C libraries": True,
        "full-text search": [["a release with its Python"]],
        "dbm": "1",
        "a user's home": [1815, "/home/ada"],
        "a host of /etc/hosts": "127.0.0.9",
        "a service": 70,
        "encodings": ["utf-8", "utf-8", "e4", "82a0", "xn--bcher-kva.example"],
        "the locale of its environment": "C",
        "a unique number": 1,
        "left out": [],
        "archives": [],
    }


def test_it_can_be_moved_after_its_first_start(bare: Release) -> None:
    code = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import guestbook; print(guestbook.__file__)'])"
    )
    assert bare.run("eval", code).stdout.startswith("/opt/a plåce/app/var/bundles/")
    bare.root = bare.root.rename(bare.root.with_name("it's here"))
    bare.link = Path("/opt/a plåce/it's here/bin/app")
    moved = bare.run("eval", code)
    assert moved.stdout.startswith("/opt/a plåce/it's here/var/bundles/"), moved.stderr
