"""The Python inside a release: what its bill of materials says, and what its programs can do with it."""

from __future__ import annotations

import json

from support.artifacts import is_valid_bill
from support.built import Project, release_in

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
    assert all(component["licenses"] for component in bill["components"] if component["bom-ref"] in of_python)
