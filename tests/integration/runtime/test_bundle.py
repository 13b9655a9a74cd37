from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.driving import driven, run, running
from support.handmade import Handmade, write_release
from support.waiting import eventually

SPAWN = """
import multiprocessing, sys

def double(number):
    return number * 2

def main():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2, 3]))
"""
CHILD = """
import subprocess, sys

def main():
    subprocess.run([sys.executable, "-c", "import app, sys; print(sys.prefix)"], check=True)
    print(sys.prefix, sys.prefix != sys.base_prefix, sys.executable)
"""


def evaluate(release: Handmade, code: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run(driven(release, "commands.eval_command:eval_", code), environ=environ)


def many_files() -> dict[str, str]:
    return {f"package/module_{number}.py": f"value = {number}\n" * 50 for number in range(3000)}


def test_the_bundle_comes_after_the_standard_library_and_sources_before_it(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "mine.py").write_text("where = 'source'\n")
    release = write_release(
        tmp_path / "r",
        modules={"json.py": "raise SystemError", "mine.py": "where = 'bundle'\n"},
        source_paths=[str(source)],
    )
    done = evaluate(release, "import json, mine; print(mine.where)")
    assert (done.stdout, done.stderr, done.returncode) == ("source\n", "", 0)


def test_recorded_pth_files_are_obeyed_and_others_are_not(tmp_path: Path) -> None:
    release = write_release(
        tmp_path,
        modules={"other.pth": "import sys; print('never')\n", "vendored/inner.py": "value = 'inner'\n"},
        pth={"vendored.pth": "vendored\nimport sys; sys.obeyed = True\n"},
    )
    done = evaluate(release, "import inner, sys; print(inner.value, sys.obeyed)")
    assert (done.stdout, done.stderr) == ("inner True\n", "")


def test_nothing_of_the_interpreters_own_site_packages_is_visible(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules={"app.py": ""})
    done = evaluate(release, "import pytest")
    assert "ModuleNotFoundError: No module named 'pytest'" in done.stderr
    assert done.returncode == 1


def test_the_builtins_of_site_are_there(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules={"app.py": ""})
    assert evaluate(release, "print(callable(help), callable(quit)); exit(7)").returncode == 7


def test_a_child_started_with_sys_executable_finds_the_bundle_and_the_source_folders(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "mine.py").write_text("")
    release = write_release(tmp_path / "r", modules={"app.py": CHILD}, source_paths=[str(source)])
    done = evaluate(release, "app:main")
    home = release.layout.bundle(release.manifest.bundle.id)
    assert done.stdout == f"{home}\n{home} True {home}/bin/python\n"
    done = run([f"{home}/bin/python3", "-c", "import app, mine; print('both')"])
    assert (done.stdout, done.stderr) == ("both\n", "")


def test_a_release_that_was_moved_works_and_its_children_too(tmp_path: Path) -> None:
    release = write_release(tmp_path / "first", modules={"app.py": CHILD})
    evaluate(release, "app:main")
    moved = tmp_path / "seçond place"
    (tmp_path / "first").rename(moved)
    release = Handmade(root=moved, name=release.name, version=release.version, manifest=release.manifest)
    done = evaluate(release, "app:main")
    assert done.stderr == ""
    assert done.stdout.startswith(f"{moved}/var/bundles/")


def test_of_several_at_once_one_unpacks_and_all_go_on(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules=many_files())
    argv = driven(release, "commands.eval_command:eval_", "import package.module_2999 as m; print(m.value)")
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60) for process in processes] == [("2999\n", "")] * 4
    found = [path.name for path in Path(release.layout.var, "bundles").iterdir()]
    assert sorted(found) == [
        ".lock",
        release.manifest.bundle.id,
    ]


def test_after_kill_9_in_the_middle_the_next_one_recovers(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules=many_files())
    partial = Path(release.layout.bundle(f".partial-{release.manifest.bundle.id}"))
    with running(driven(release, "bundle.activation:unpack_command")) as unpacking:
        eventually(partial.exists)
        unpacking.process.kill()
        assert unpacking.wait() == -9
    assert partial.exists()
    done = run(driven(release, "bundle.activation:unpack_command"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not partial.exists()
    folder = Path(release.layout.site_packages(release.manifest.bundle.id, release.manifest.python.version))
    assert len(list((folder / "package").iterdir())) == 3000


def in_mount(options: str, folder: Path, argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `argv` where `folder` is a file system of its own; skip where the kernel does not allow that."""
    folder.mkdir()
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o "$1" none "$2" || exit 99; shift 2; exec "$@"', "sh"]
    done = run([*mount, options, str(folder), *argv], environ={"RELEASE_VAR": str(folder)})
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("cannot mount a file system here")
    return done


def test_a_full_disk_is_one_failure_that_says_how_much_is_needed(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", modules={"big.txt": "0123456789" * 400_000})
    var = tmp_path / "var"
    done = in_mount("size=1m", var, driven(release, "bundle.activation:unpack_command"))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: cannot unpack the bundle into {var}: No space left on device; it needs 4 MB",
        "  now: nothing was started, and what was unpacked is removed",
        "      hint: RELEASE_VAR names another folder to write to",
    ]


def test_a_noexec_file_system_is_refused_when_there_are_extension_modules(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", modules={"app.py": ""}, platform="linux-x86_64")
    done = in_mount("noexec", tmp_path / "var", driven(release, "bundle.activation:unpack_command"))
    assert done.returncode == 1
    assert "is mounted noexec, and the bundle holds extension modules" in done.stderr


def test_a_noexec_file_system_will_do_for_pure_python(tmp_path: Path) -> None:
    release = write_release(tmp_path / "r", modules={"app.py": ""})
    done = in_mount("noexec", tmp_path / "var", driven(release, "bundle.activation:unpack_command"))
    assert (done.returncode, done.stderr) == (0, "")


def test_multiprocessing_spawn_works_from_a_function_of_the_bundle(tmp_path: Path) -> None:
    release = write_release(tmp_path, modules={"app.py": SPAWN})
    done = evaluate(release, "app:main")
    assert (done.stdout, done.stderr) == ("[2, 4, 6]\n", "")
