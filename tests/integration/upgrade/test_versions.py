"""`unpack`, `versions` and `remove` of releases that were really built, through their launcher."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.builds import files_in
from support.handmade import write_record
from support.running import Release

Archive = Callable[..., Path]
UNRECORDED: list[Callable[[Path], None]] = []
"""Changes that nobody writes down: what they leave is not as it was built."""


def versions(release: Release) -> dict[str, list[str]]:
    answer = release.run("versions", "--json")
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(answer.stdout)["versions"]
    return {row.pop("version"): [word for word, is_so in row.items() if is_so] for row in rows}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def repacked(archive: Path, to: Path, change: Callable[[Path], None]) -> Path:
    """Return a copy of an archive whose unpacked tree `change` has been at, and been recorded after it."""
    folder = to / "repacked"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="fully_trusted")
    change(folder)
    if change not in UNRECORDED:
        write_record(folder / "tiny", "2.0.0")
    with tarfile.open(to / "changed.tar.gz", "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return to / "changed.tar.gz"


def test_a_second_version_lies_beside_the_first_which_still_boots(release: Release, archive: Archive) -> None:
    answer = release.run("unpack", str(archive("2.0.0", "two")))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "tiny 2.0.0 is unpacked; `tiny upgrade 2.0.0` switches to it\n"
    assert versions(release) == {"1.0.0": ["complete", "current", "default"], "2.0.0": ["complete"]}
    assert release.run("version").stdout == "1.0.0\n"
    assert release.run("versions").stdout == "1.0.0  current, default\n2.0.0\n"
    assert not release.var.exists()


def test_what_is_there_already_is_left_alone(release: Release, archive: Archive) -> None:
    before = files_in(release.root)
    answer = release.run("unpack", str(archive("1.0.0", "one")))
    assert (answer.returncode, answer.stdout) == (
        0,
        "tiny 1.0.0 is there already, the same build; nothing was changed\n",
    )
    answer = release.run("unpack", str(archive("1.0.0", "another one")))
    assert answer.returncode == 1
    assert "another build of tiny 1.0.0 is there already" in answer.stderr
    assert files_in(release.root) == before


def change_a_hook(folder: Path) -> None:
    (folder / "tiny/releases/2.0.0/runtime/instance/agent.py").write_text("changed\n")


def take_the_manifest_away(folder: Path) -> None:
    (folder / "tiny/releases/2.0.0/manifest.json").unlink()


def rename_it(folder: Path) -> None:
    (folder / "tiny").rename(folder / "other")


def make_it_for_another_machine(folder: Path) -> None:
    path = folder / "tiny/releases/2.0.0/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["python"]["platform"] = "linux-pdp11"
    path.write_text(json.dumps(manifest))


def make_it_for_a_newer_glibc(folder: Path) -> None:
    path = folder / "tiny/releases/2.0.0/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["python"]["glibc"] = "9.99"
    path.write_text(json.dumps(manifest))


def lead_out(folder: Path) -> None:
    (folder / "tiny/releases/2.0.0/out").symlink_to("../../../../out")


def climb_out(folder: Path) -> None:
    path = folder / "tiny/releases/2.0.0/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["version"] = "3.0.0"
    path.write_text(json.dumps(manifest))


def take_the_record_away(folder: Path) -> None:
    (folder / "tiny/releases/2.0.0/release.mtree").unlink()


def damage_the_record(folder: Path) -> None:
    path = folder / "tiny/releases/2.0.0/release.mtree"
    path.write_text(path.read_text().replace("type=dir", "type=cat", 1))


def replace_the_launcher(folder: Path) -> None:
    (folder / "tiny/bin/tiny").write_text("#!/bin/sh\necho mine now\n")


def add_a_program(folder: Path) -> None:
    (folder / "tiny/bin/other").write_text("#!/bin/sh\n")


def let_anybody_write_a_hook(folder: Path) -> None:
    (folder / "tiny/releases/2.0.0/hooks/pre_upgrade.d/20-hook").chmod(0o777)


def let_a_hook_be_a_link(folder: Path) -> None:
    path = folder / "tiny/releases/2.0.0/hooks/pre_upgrade.d/20-hook"
    path.unlink()
    path.symlink_to("../post_upgrade.d/20-hook")


UNRECORDED += [
    change_a_hook,
    take_the_manifest_away,
    rename_it,
    take_the_record_away,
    damage_the_record,
    replace_the_launcher,
    add_a_program,
    let_anybody_write_a_hook,
    let_a_hook_be_a_link,
]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_a_hook, "runtime/instance/agent.py: changed"),
        (take_the_manifest_away, "it holds no complete version"),
        (rename_it, "'other/bin/tiny' is not what a release has there"),
        (make_it_for_another_machine, "was built for pdp11, and this host is"),
        (make_it_for_a_newer_glibc, "needs glibc 9.99 or newer"),
        (lead_out, "the link 'tiny/releases/2.0.0/out' leads out of it"),
        (climb_out, "it is of 'tiny 3.0.0', and was packed as 'tiny 2.0.0'"),
        (take_the_record_away, "it holds no record of its files, releases/2.0.0/release.mtree"),
        (damage_the_record, "its record release.mtree is damaged: line 2 is no line of a record"),
        (replace_the_launcher, "bin/tiny: changed"),
        (add_a_program, "'tiny/bin/other' is not what a release has there"),
        (let_anybody_write_a_hook, "hooks/pre_upgrade.d/20-hook' has mode 0777, and a release has 0755 and 0644"),
        (let_a_hook_be_a_link, "hooks/pre_upgrade.d/20-hook: it is a link, and was built as a file"),
    ],
)
def test_an_archive_that_cannot_be_used_changes_nothing(
    release: Release, archive: Archive, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    before = files_in(release.root)
    answer = release.run("unpack", str(repacked(archive("2.0.0", "two"), tmp_path, change)))
    assert (answer.returncode, answer.stdout) == (3, "")
    assert said in answer.stderr
    assert "now: nothing was unpacked" in answer.stderr
    assert files_in(release.root) == before
    assert names(release.root / "releases") == ["1.0.0", "default"]


@pytest.mark.parametrize("keep", [0, 100, 20_000])
def test_a_torn_archive_changes_nothing(release: Release, archive: Archive, tmp_path: Path, keep: int) -> None:
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes(archive("2.0.0", "two").read_bytes()[:keep])
    answer = release.run("unpack", str(torn))
    assert answer.returncode == 3
    assert f"cannot use {torn}: " in answer.stderr
    assert "damaged archive: it ends too early" in answer.stderr or "it is empty" in answer.stderr
    assert names(release.root / "releases") == ["1.0.0", "default"]


def test_a_tar_without_compression_is_unpacked_too(release: Release, archive: Archive, tmp_path: Path) -> None:
    plain = tmp_path / "tiny.tar"
    plain.write_bytes(gzip.decompress(archive("2.0.0", "two").read_bytes()))
    assert release.run("unpack", str(plain)).returncode == 0
    assert "2.0.0" in versions(release)


def test_a_file_that_is_not_there_is_named(release: Release, tmp_path: Path) -> None:
    answer = release.run("unpack", str(tmp_path / "nothing.tar.gz"))
    assert answer.returncode == 1
    assert f"cannot read {tmp_path}/nothing.tar.gz: No such file" in answer.stderr


def test_what_a_killed_unpack_left_is_removed_by_the_next(release: Release, archive: Archive) -> None:
    left = release.root / "releases" / ".unpack-4711"
    (left / "releases").mkdir(parents=True)
    left.with_name(".unpack-4712").symlink_to(release.root)
    half = release.root / "releases" / "2.0.0"
    half.mkdir()
    (half / "tiny.pyz").write_text("half")
    assert versions(release)["2.0.0"] == []
    assert "2.0.0  incomplete: it has no manifest.json\n" in release.run("versions").stdout
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    assert names(release.root / "releases") == ["1.0.0", "2.0.0", "default"]
    assert versions(release)["2.0.0"] == ["complete"]
    assert release.run("verify").returncode == 0


def test_a_version_is_removed_with_what_only_it_needed(release: Release, archive: Archive) -> None:
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    (release.root / "python-9.9.9").mkdir()
    bundles = release.var / "bundles"
    shutil.copytree(release.root / "releases/2.0.0", bundles / "0123456789abcdef")
    assert release.run("eval", "1").returncode == 0
    answer = release.run("remove", "2.0.0")
    assert (answer.returncode, answer.stdout) == (0, "tiny 2.0.0 is removed\n")
    assert names(release.root / "releases") == ["1.0.0", "default"]
    assert not (bundles / "0123456789abcdef").exists()
    assert len(names(bundles)) == 1
    assert not (release.root / "python-9.9.9").exists()


def bring_an_interpreter(folder: Path) -> None:
    """Give the version an interpreter of its own, which nothing runs."""
    home = folder / "tiny/python-9.9.9-ofversiontwo"
    home.mkdir()
    (home / "os.py").write_text("")
    version = folder / "tiny/releases/2.0.0"
    manifest = json.loads((version / "manifest.json").read_text())
    manifest["python"]["bundled"] = home.name
    (version / "manifest.json").write_text(json.dumps(manifest))


def test_an_interpreter_that_is_not_there_yet_comes_with_its_version_and_goes_with_it(
    release: Release, archive: Archive, tmp_path: Path
) -> None:
    with_one = repacked(archive("2.0.0", "two"), tmp_path, bring_an_interpreter)
    answer = release.run("unpack", str(with_one))
    assert answer.returncode == 0, answer.stderr
    assert (release.root / "python-9.9.9-ofversiontwo/os.py").is_file()
    assert release.run("remove", "2.0.0").returncode == 0
    assert not (release.root / "python-9.9.9-ofversiontwo").exists()


def test_an_interpreter_that_is_damaged_is_not_unpacked(release: Release, archive: Archive, tmp_path: Path) -> None:
    def damage(folder: Path) -> None:
        bring_an_interpreter(folder)
        write_record(folder / "tiny", "2.0.0")
        (folder / "tiny/python-9.9.9-ofversiontwo/os.py").write_text("import other")

    UNRECORDED.append(damage)
    answer = release.run("unpack", str(repacked(archive("2.0.0", "two"), tmp_path, damage)))
    assert answer.returncode == 3
    assert "python-9.9.9-ofversiontwo/os.py: changed" in answer.stderr
    assert not (release.root / "python-9.9.9-ofversiontwo").exists()


def test_the_version_that_boots_is_not_removed(release: Release) -> None:
    answer = release.run("remove", "1.0.0")
    assert answer.returncode == 4
    assert "cannot remove tiny 1.0.0: it is current" in answer.stderr
    assert release.run("version").returncode == 0


def test_the_version_that_runs_is_not_removed(release: Release, archive: Archive) -> None:
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    release.foreground()
    (release.var / "current").write_text("2.0.0\n")
    answer = release.run("remove", "1.0.0")
    assert answer.returncode == 4
    assert "cannot remove tiny 1.0.0: it runs" in answer.stderr
    assert versions(release) == {"1.0.0": ["complete", "default", "running"], "2.0.0": ["complete", "current"]}


def test_the_version_before_an_upgrade_can_be_removed_and_the_log_goes_on(release: Release, archive: Archive) -> None:
    assert release.run("start").returncode == 0
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    assert release.run("upgrade", "2.0.0").returncode == 0
    writer = [pid for pid, line in release.processes().items() if " 1.0.0 _log " in line]
    answer = release.run("remove", "1.0.0")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert not (release.root / "releases/1.0.0").exists()
    assert [pid for pid, line in release.processes().items() if " _log " in line] == writer
    assert release.run("stop").returncode == 0
    assert release.run("logs", "-n", "1").stdout == "[release] has stopped\n"
    assert release.leftovers() == []


def test_removing_the_default_leaves_a_default_that_boots(release: Release, archive: Archive) -> None:
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    release.var.mkdir()
    (release.var / "current").write_text("2.0.0\n")
    assert release.run("remove", "1.0.0").returncode == 0
    (release.var / "current").unlink()
    assert release.run("version").stdout == "2.0.0\n"


def test_a_default_that_boots_is_not_replaced_by_what_is_no_version(release: Release, archive: Archive) -> None:
    release.run("unpack", str(archive("2.0.0", "two")))
    release.var.mkdir()
    current = release.var / "current"
    current.write_bytes(b"2.0.0\0\n")  # the shell does not see the last letter
    answer = release.run("remove", "1.0.0")
    assert (answer.returncode, answer.stderr) == (
        3,
        f"error: cannot remove tiny 1.0.0: {current} names no version that is here, so it may be needed\n"
        "  now: nothing was removed\n"
        f"      hint: {current} is to hold one line, the name of a version that is here: 1.0.0, 2.0.0\n",
    )
    assert (release.root / "releases/default").read_text() == "1.0.0\n"
    current.write_text("2.0.0\n")
    assert release.run("remove", "1.0.0").returncode == 0
    assert (release.root / "releases/default").read_text() == "2.0.0\n"


def test_a_long_word_for_a_version_is_not_repeated_whole(release: Release) -> None:
    for command in ("upgrade", "remove"):
        answer = release.run(command, "x" * 5000)
        assert answer.returncode == 1
        assert f"tiny has no version '{'x' * 40}...' here" in answer.stderr
        assert len(answer.stderr) < 400


def test_an_unknown_version_is_told_with_the_nearest_one(release: Release) -> None:
    answer = release.run("remove", "1.0.1")
    assert answer.returncode == 1
    assert "tiny has no version '1.0.1' here" in answer.stderr
    assert "did you mean '1.0.0'?" in answer.stderr
