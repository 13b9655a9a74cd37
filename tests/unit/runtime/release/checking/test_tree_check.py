"""Whether a release on a host is as it was built: every kind of change to an unpacked one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.artifacts import INTERPRETER, finished
from support.handmade import write_record, write_release

from releaser.runtime.release.checking.tree_check import Tree, compare
from releaser.runtime.release.failures import Failure
from releaser.runtime.release.layout import Layout
from releaser.runtime.release.manifest import Hook, load

V = "releases/1.0.0"
HOOK = Hook(event="pre_start", name="20-check", path="hooks/20-check", call="", timeout_s=5.0, on_failure="abort")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A release with an interpreter that a link leads to, a hook, and an env.sh."""
    root = finished(
        tmp_path, interpreter={"bin/python3.11": "a program", "lib/python3.11/os.py": "import posix"}, hooks=[HOOK]
    )
    (root / INTERPRETER / "bin/python3").symlink_to("python3.11")
    (root / V / "hooks").mkdir()
    (root / V / "hooks/20-check").write_text("#!/bin/sh\n")
    (root / V / "hooks/20-check").chmod(0o755)
    (root / V / "env.sh").write_text("# yours\n")
    write_record(root)
    return root


def found_in(root: Path, version: str = "1.0.0") -> Tree:
    return compare(Layout.of(str(root), version, {}), load(str(root / "releases" / version / "manifest.json")))


def test_what_is_as_it_was_built_is_counted(root: Path) -> None:
    tree = found_in(root)
    assert tree.problems == ()
    assert tree.count == len((root / V / "release.mtree").read_text().splitlines()) - 1
    assert not tree.is_env_edited


def relink(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "the launcher": (lambda root: (root / "bin/app").write_text("#!/bin/sh\necho mine\n"), "bin/app: changed"),
    "its mode": (lambda root: (root / "bin/app").chmod(0o644), "bin/app: its mode is 0644, and was built as 0755"),
    "more in bin": (lambda root: (root / "bin/ls").write_text(""), "bin/ls: not part of the release"),
    "a folder": (lambda root: (root / "more").mkdir(), "more: not part of the release"),
    "the interpreter relinked": (
        lambda root: relink(root / INTERPRETER / "bin/python3", "/bin/sh"),
        f"{INTERPRETER}/bin/python3: it leads to '/bin/sh', and was built to lead to 'python3.11'",
    ),
    "the interpreter's file": (
        lambda root: (root / INTERPRETER / "lib/python3.11/os.py").write_text("import other"),
        f"{INTERPRETER}/lib/python3.11/os.py: changed",
    ),
    "more in it": (
        lambda root: (root / INTERPRETER / "lib/more.py").write_text(""),
        f"{INTERPRETER}/lib/more.py: not part of the release",
    ),
    "a hook that does not run": (
        lambda root: (root / V / "hooks/20-check").chmod(0o644),
        f"{V}/hooks/20-check: its mode is 0644, and was built as 0755",
    ),
    "a hook of anybody's": (
        lambda root: (root / V / "hooks/20-check").chmod(0o777),
        f"{V}/hooks/20-check: its mode is 0777, and was built as 0755",
    ),
    "a hook as its owner": (
        lambda root: (root / V / "hooks/20-check").chmod(0o4755),
        f"{V}/hooks/20-check: its mode is 4755, and was built as 0755",
    ),
    "a folder of anybody's": (
        lambda root: (root / V / "hooks").chmod(0o777),
        f"{V}/hooks: its mode is 0777, and was built as 0755",
    ),
    "a link among the hooks": (
        lambda root: (root / V / "hooks/30-more").symlink_to("20-check"),
        f"{V}/hooks/30-more: not part of the release",
    ),
    "a hook that is a link": (
        lambda root: relink(root / V / "hooks/20-check", "/bin/true"),
        f"{V}/hooks/20-check: it is a link, and was built as a file",
    ),
    "a pipe": (lambda root: os.mkfifo(root / V / "hooks/pipe"), f"{V}/hooks/pipe: not part of the release"),
    "the default": (lambda root: (root / "releases/default").write_text("2\n"), "releases/default: changed"),
    "the manifest": (
        lambda root: (root / V / "manifest.json").write_text((root / V / "manifest.json").read_text() + " "),
        f"{V}/manifest.json: changed",
    ),
    "one that is gone": (lambda root: (root / V / "hooks/20-check").unlink(), f"{V}/hooks/20-check: missing"),
    "beside the versions": (
        lambda root: (root / "releases/sh").write_text(""),
        "releases/sh: not part of the release",
    ),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=list(CHANGES))
def test_each_kind_of_change_is_found(root: Path, change: Callable[[Path], object], said: str) -> None:
    change(root)
    assert found_in(root).problems == (said,)


def test_what_is_the_operators_is_not_compared(root: Path) -> None:
    (root / "var/log").mkdir(parents=True)
    (root / "var/log/app.log").write_text("a line")
    (root / "allowed_signers").write_text("ada")
    (root / "releases/.unpack-4711").mkdir()
    (root / V / "env.sh").write_text("# edited\n")
    tree = found_in(root)
    assert tree.problems == ()
    assert tree.is_env_edited


def test_the_env_file_and_a_var_elsewhere_below_the_root_are_the_operators(tmp_path: Path) -> None:
    root = finished(tmp_path, env_file="-etc/env")
    (root / "etc").mkdir()
    write_record(root)
    (root / "etc/env").write_text("A=1\n")
    (root / "data").mkdir()
    layout = Layout.of(str(root), "1.0.0", {"RELEASE_VAR": str(root / "data")})
    assert compare(layout, load(layout.manifest)).problems == ()


def test_rights_that_a_tight_umask_takes_away_are_not_missed(root: Path) -> None:
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    (root / V).chmod(0o2755)  # inherited from a folder above that is set so
    assert found_in(root).problems == ()


def test_versions_beside_each_other_do_not_know_each_others_files(root: Path) -> None:
    write_release(root, modules={"app.py": "def main():\n    pass\n"}, version="2.0.0")
    assert found_in(root, "2.0.0").problems == ()
    assert found_in(root).problems == ()  # the launcher and the default are those of 2.0.0 now
    (root / "releases/2.0.0/runtime/instance/agent.py").write_text("changed")
    assert found_in(root).problems == ()
    assert found_in(root, "2.0.0").problems == ("releases/2.0.0/runtime/instance/agent.py: changed",)


def test_without_a_record_nothing_can_be_said(root: Path) -> None:
    (root / V / "release.mtree").write_text("#mtree\njunk\n")
    with pytest.raises(Failure, match="which says how the release was built: line 2 is no line of a record"):
        found_in(root)
    (root / V / "release.mtree").unlink()
    with pytest.raises(Failure, match="no such file"):
        found_in(root)
