"""The archive: the same bytes for the same tree."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from releaser.build.archive.writing import write_archive
from releaser.build.tools.tree import members_of, normalise_modes, size_bytes

EPOCH = 315532800


def make_tree(folder: Path, names: list[str]) -> Path:
    root = folder / "shop"
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "bin/shop").chmod(0o700)
    (root / "link").symlink_to("bin/shop")
    return root


def test_order_of_creation_time_modes_and_folder_leave_no_trace(tmp_path: Path) -> None:
    names = ["bin/shop", "releases/default", "releases/1/é", "releases/1/B", "releases/1/a"]
    one = make_tree(tmp_path / "one", names)
    other = make_tree(tmp_path / "deep/er/other", names[::-1])
    os.utime(other / "bin/shop", (1, 1))
    (other / "releases/1/a").chmod(0o640)
    write_archive(one, tmp_path / "one.tar.gz", EPOCH)
    write_archive(other, tmp_path / "other.tar.gz", EPOCH)
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "other.tar.gz").read_bytes()


def test_members_have_plain_modes_one_date_and_no_owner(tmp_path: Path) -> None:
    root = make_tree(tmp_path, ["bin/shop", "releases/default"])
    write_archive(root, tmp_path / "a.tar.gz", EPOCH)
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        members = {member.name: member for member in archive}
    assert list(members) == ["shop", "shop/bin", "shop/bin/shop", "shop/link", "shop/releases", "shop/releases/default"]
    assert members["shop/bin/shop"].mode == 0o755
    assert members["shop/releases/default"].mode == 0o644
    assert members["shop/bin"].mode == 0o755
    assert members["shop/link"].linkname == "bin/shop"
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members.values()} == {(EPOCH, 0, 0, "", "")}


def test_modes_follow_the_owners_executable_bit_and_links_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o600)
    root = make_tree(tmp_path, ["bin/shop", "secret"])
    (root / "secret").chmod(0o600)
    (root / "bin").chmod(0o700)
    (root / "to-outside").symlink_to(outside)
    normalise_modes(root)
    modes = {name: (root / name).stat().st_mode & 0o777 for name in ("bin", "bin/shop", "secret")}
    assert modes == {"bin": 0o755, "bin/shop": 0o755, "secret": 0o644}
    assert outside.stat().st_mode & 0o777 == 0o600


def test_members_are_files_folders_and_links_and_one_folder_may_be_left_out(tmp_path: Path) -> None:
    root = make_tree(tmp_path, ["bin/shop", "b"])
    (root / "a").symlink_to("b")
    found = members_of(root, without="bin")
    assert "bin" in found
    assert not [path for path in found if path.startswith("bin/")]
    assert set(members_of(root)) == {str(path.relative_to(root)) for path in root.rglob("*")}
    assert {member.kind for member in members_of(root).values()} == {"file", "dir", "link"}


def test_the_size_leaves_var_out(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/log").write_text("x" * 100)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/shop").write_text("x" * 7)
    assert size_bytes(tmp_path, without=("var",)) == 7
