from __future__ import annotations

import os
import stat
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
from support.handmade import Handmade, write_bundle, write_release

from releaser.runtime.bundle import activation
from releaser.runtime.release.failures import DAMAGED, Failure


@pytest.fixture
def release(tmp_path: Path) -> Handmade:
    return write_release(tmp_path, modules={"app.py": "main = lambda: None\n", "deep/er/x.txt": "x"})


def home_of(release: Handmade) -> Path:
    return Path(release.layout.bundle(release.manifest.bundle.id))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_needs_unpacking_until_it_was_ensured(release: Handmade) -> None:
    context = release.context({})
    assert activation.needs_unpacking(context)
    site_packages = activation.ensure(context)
    assert not activation.needs_unpacking(context)
    assert (Path(site_packages) / "app.py").read_text() == "main = lambda: None\n"
    assert (Path(site_packages) / "deep/er/x.txt").read_text() == "x"


def test_only_site_packages_is_unpacked(release: Handmade) -> None:
    activation.ensure(release.context({}))
    assert names_in(home_of(release)) == ["bin", "lib", "pyvenv.cfg"]


def test_modes_are_0755_and_0644_whatever_the_umask(release: Handmade) -> None:
    write_bundle(release.pyz, {"tool.sh": "#!/bin/sh\n", "app.py": ""}, executable=("tool.sh",))
    before = os.umask(0o077)
    try:
        site_packages = Path(activation.ensure(release.context({})))
    finally:
        umask = os.umask(before)
    assert umask == 0o077
    assert stat.S_IMODE((site_packages / "tool.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((site_packages / "app.py").stat().st_mode) == 0o644
    assert stat.S_IMODE(site_packages.stat().st_mode) == 0o755


def test_the_links_point_at_the_real_interpreter(release: Handmade) -> None:
    activation.ensure(release.context({}))
    python = os.path.realpath(sys.executable)
    home = home_of(release)
    assert (home / "bin/python").readlink() == Path(python)
    assert (home / "bin/python3").resolve() == Path(python)
    assert f"home = {Path(python).parent}\n" in (home / "pyvenv.cfg").read_text()


def test_an_interpreter_that_moved_is_followed(release: Handmade) -> None:
    activation.ensure(release.context({}))
    home = home_of(release)
    (home / "bin/python").unlink()
    (home / "bin/python").symlink_to("/nowhere/python")
    (home / "pyvenv.cfg").write_text("home = /nowhere\n")
    activation.ensure(release.context({}))
    assert (home / "bin/python").readlink() == Path(os.path.realpath(sys.executable))
    assert "/nowhere" not in (home / "pyvenv.cfg").read_text()
    assert names_in(home / "bin") == ["python", "python3"]


def test_a_second_ensure_writes_nothing(release: Handmade) -> None:
    activation.ensure(release.context({}))

    def seen() -> dict[str, int]:
        return {str(path): path.lstat().st_ctime_ns for path in Path(release.layout.var).rglob("*")}

    before = seen()
    activation.ensure(release.context({}))
    assert seen() == before


def test_what_a_killed_unpacker_left_is_removed(release: Handmade) -> None:
    bundles = home_of(release).parent
    (bundles / ".partial-dead" / "lib").mkdir(parents=True)
    (bundles / f".partial-{release.manifest.bundle.id}" / "lib").mkdir(parents=True)
    activation.ensure(release.context({}))
    assert names_in(bundles) == [".lock", release.manifest.bundle.id]


def test_a_folder_without_site_packages_is_replaced(release: Handmade) -> None:
    home = home_of(release)
    (home / "lib").mkdir(parents=True)
    site_packages = activation.ensure(release.context({}))
    assert (Path(site_packages) / "app.py").exists()
    assert names_in(home.parent) == [".lock", home.name]


def test_the_source_folders_of_dev_mode_reach_child_processes(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", modules={"dep.py": ""}, source_paths=["/src/a", "/src/b"])
    site_packages = Path(activation.ensure(release.context({})))
    assert (site_packages / "_release_source_paths.pth").read_text() == "/src/a\n/src/b\n"


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "missing", "no site-packages"])
def test_a_damaged_zipapp_is_one_failure_and_leaves_nothing(release: Handmade, damage: str) -> None:
    content = bytearray(release.pyz.read_bytes())
    if damage == "cut":
        release.pyz.write_bytes(content[:-30])
    elif damage == "empty":
        release.pyz.write_bytes(b"")
    elif damage == "flipped":
        start = content.index(b"site-packages/app.py") + len(b"site-packages/app.py")
        content[start + 2] ^= 0xFF
        release.pyz.write_bytes(content)
    elif damage == "missing":
        release.pyz.unlink()
    else:
        write_bundle(release.pyz, {})
    with pytest.raises(Failure) as caught:
        activation.ensure(release.context({}))
    assert caught.value.exit_code == DAMAGED
    assert f"cannot unpack {release.pyz}: the file is damaged: " in caught.value.message
    assert names_in(home_of(release).parent) == [".lock"]


@pytest.mark.parametrize(
    "names", [["a.py", "a.py"], ["a", "a/b.py"], ["n" * 300], ["a/b.py", "a"]], ids=["twice", "below", "long", "above"]
)
def test_names_that_no_folder_can_hold_are_the_files_fault_and_not_the_hosts(
    release: Handmade, names: list[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, of a name that is there twice
        with zipfile.ZipFile(release.pyz, "w") as archive:
            for name in names:
                archive.writestr(f"site-packages/{name}", "")
    with pytest.raises(Failure, match="the file is damaged: ") as caught:
        activation.ensure(release.context({}))
    assert caught.value.exit_code == DAMAGED
    assert names_in(home_of(release).parent) == [".lock"]


def test_a_member_that_points_outside_is_refused(release: Handmade) -> None:
    write_bundle(release.pyz, {"../../../../evil.py": ""})
    with pytest.raises(Failure, match="points outside"):
        activation.ensure(release.context({}))
    assert not list(release.root.rglob("evil.py"))


def test_another_python_is_refused(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules={"app.py": ""}, python_version="3.99")
    with pytest.raises(Failure, match=r"release 1\.0\.0 needs Python 3\.99, and .* is Python 3\."):
        activation.ensure(release.context({}))
    assert not Path(release.layout.var).exists()


def test_a_var_that_cannot_be_made_is_one_failure(release: Handmade) -> None:
    Path(release.layout.var).write_text("a file, where a folder should be")
    with pytest.raises(Failure) as caught:
        activation.ensure(release.context({}))
    assert caught.value.lines() == [
        f"error: cannot unpack the bundle into {release.layout.var}: Not a directory",
        "  now: nothing was started",
        "      hint: RELEASE_VAR names another folder to write to",
    ]


def test_release_var_moves_the_bundle(release: Handmade, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    site_packages = activation.ensure(release.context({"RELEASE_VAR": str(elsewhere)}))
    assert site_packages.startswith(f"{elsewhere}/bundles/")
    assert not Path(release.layout.var).exists()


def test_prune_removes_what_is_not_kept(release: Handmade) -> None:
    context = release.context({})
    activation.ensure(context)
    bundles = home_of(release).parent
    (bundles / "old" / "lib").mkdir(parents=True)
    assert activation.prune(context, [release.manifest.bundle.id]) == ["old"]
    assert names_in(bundles) == [".lock", release.manifest.bundle.id]


def test_prune_before_the_first_start_does_nothing(release: Handmade) -> None:
    assert activation.prune(release.context({}), []) == []
    assert not Path(release.layout.var).exists()


class TestPth:
    @pytest.fixture(autouse=True)
    def _same_path_afterwards(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", list(sys.path))

    def test_folders_that_exist_are_added_and_comments_are_not(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "x.pth").write_text("# comment\n\nthere\nmissing\nthere\n")
        activation.obey_pth(str(tmp_path), "x.pth")
        assert [path for path in sys.path if path.startswith(str(tmp_path))] == [str(tmp_path / "there")]

    def test_import_lines_run_and_see_sitedir_in_the_calling_frame(self, tmp_path: Path) -> None:
        (tmp_path / "x.pth").write_text(
            "import sys; sys.path.append(sys._getframe(1).f_locals['sitedir'] + '/from-frame')\n"
        )
        activation.obey_pth(str(tmp_path), "x.pth")
        assert sys.path[-1] == f"{tmp_path}/from-frame"

    def test_a_line_that_fails_is_reported_and_ends_the_file(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "x.pth").write_text("import no_such_module_at_all\nthere\n")
        activation.obey_pth(str(tmp_path), "x.pth")
        assert capfd.readouterr().err.startswith(
            "warning: line 1 of x.pth in the bundle failed: ModuleNotFoundError: No module named"
        )
        assert str(tmp_path / "there") not in sys.path
