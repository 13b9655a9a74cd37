"""What is done to site-packages: metadata, entry points, source paths, scripts, launcher."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from releaser.build.bundle.entry import has_module
from releaser.build.project.source_paths import find_source_paths
from releaser.build.release.launcher import render
from releaser.build.tools.dist_info import console_scripts, is_extension, tidy, wheel_files
from releaser.errors import ProjectError


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_tidying_leaves_a_record_of_what_is_there(tmp_path: Path) -> None:
    info = tmp_path / "shop-1.dist-info"
    write(tmp_path / "shop/__init__.py", "x = 1\n")
    for name in ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", "METADATA"):
        write(info / name, "text")
    names = [*(f"shop-1.dist-info/{path.name}" for path in info.iterdir()), "shop/__init__.py", "shop/gone.py"]
    write(info / "RECORD", "".join(f"{name},sha256=old,1\n" for name in [*names, "../../bin/shop", "/etc/passwd"]))
    tidy(tmp_path)
    assert sorted(path.name for path in info.iterdir()) == ["METADATA", "RECORD"]
    assert (info / "RECORD").read_text() == (
        "shop-1.dist-info/METADATA,sha256=mC2ePrmW9VnmM_TRlN7zdh2Qn1o7ZH0ahR_q1nwyydE,4\n"
        "shop-1.dist-info/RECORD,,\n"
        "shop/__init__.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6\n"
    )


def test_console_scripts_are_read_without_their_extras(tmp_path: Path) -> None:
    write(
        tmp_path / "a-1.dist-info/entry_points.txt",
        "[console_scripts]\nServe = a.cli:Main.run [fast]\n[other]\nx = y:z\n",
    )
    write(tmp_path / "b-1.dist-info/METADATA")
    assert console_scripts(tmp_path) == {"Serve": "a.cli:Main.run"}


def test_a_wheels_files_are_those_that_land_in_site_packages(tmp_path: Path) -> None:
    wheel = tmp_path / "w.whl"
    names = [
        "shop/__init__.py",
        "shop-1.dist-info/METADATA",
        "shop-1.data/purelib/more.py",
        "shop-1.data/scripts/run",
        "shop-1.data/data/etc/x",
    ]
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    assert wheel_files(wheel) == ("more.py", "shop/__init__.py")


def test_extension_modules_are_known_by_their_names() -> None:
    assert [is_extension(n) for n in ("a.cpython-311-x86_64-linux-gnu.so", "libx.so.1.2", "a.py", "sonata.txt")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("file", ["shop/web.py", "shop/web.pyc", "shop/web/__init__.py", "shop/web.abi3.so"])
def test_a_module_is_found_without_importing_it(tmp_path: Path, file: str) -> None:
    write(tmp_path / "lib" / file, "raise SystemExit")
    assert has_module("shop.web", (tmp_path / "src", tmp_path / "lib"))
    assert not has_module("shop.wob", (tmp_path / "lib",))


def test_the_standard_library_is_always_there(tmp_path: Path) -> None:
    assert has_module("http.server", (tmp_path,))


def test_source_paths_hold_the_packages_of_the_wheel(tmp_path: Path) -> None:
    write(tmp_path / "src/shop/__init__.py")
    write(tmp_path / "single.py")
    write(tmp_path / "build/lib/single.py")
    write(tmp_path / "server/python/tools/cli.py")
    files = ("shop/__init__.py", "shop/data.txt", "single.py", "tools/cli.py")
    assert find_source_paths(tmp_path, files) == (tmp_path / "src", tmp_path, tmp_path / "server/python")


def test_what_cannot_be_linked_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as error:
        find_source_paths(tmp_path, ("made/__init__.py", "made/fast.so"))
    assert [problem.what for problem in error.value.problems] == [
        "'made' is in the project's wheel, and made/__init__.py is nowhere in it",
        "made/fast.so is machine code, made by a build; dev_mode runs the sources as they stand",
    ]


def test_the_launcher_quotes_what_it_is_given() -> None:
    text = render("name={{ name | shell_quote }}\n", "it's", "1")
    assert text == """name='it'"'"'s'\n"""
