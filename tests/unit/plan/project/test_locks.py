"""The lines of a requirements.txt, and which of them are not pinned by a hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.plan.project.formats.requirement_files import requirements_in
from releaser.plan.project.requirement_lines import folder_in

HASH = "0123456789" * 4


@pytest.mark.parametrize(
    ("line", "path", "marker"),
    [
        ("./libs/a b", "./libs/a b", ""),
        ("-e ../up ; sys_platform == 'win32'  # via x", "../up", "sys_platform == 'win32'"),
        ("--editable=.", ".", ""),
        ("foo[bar] @ file:///srv/a%20b#egg=foo", "/srv/a b", ""),
        ("file:///srv/foo \\", "/srv/foo", ""),
        (". # the project", ".", ""),
    ],
)
def test_a_folder_is_read_with_its_marker(line: str, path: str, marker: str) -> None:
    found = folder_in(line)
    assert found is not None
    assert (found.path, found.marker) == (path, marker)


@pytest.mark.parametrize(
    "line",
    ["leaf==1.0 --hash=sha256:00", "./vendor/leaf-1.0-py3-none-any.whl --hash=sha256:00", "leaf @ https://a.example/b"],
)
def test_what_is_no_folder_is_none(line: str) -> None:
    assert folder_in(line) is None


def test_what_is_built_here_and_commits_need_no_hash(tmp_path: Path) -> None:
    text = (
        "# locked\n--index-url https://packages.example/simple\n"
        "leaf==1.0 \\\n    --hash=sha256:00\n"
        "./libs/a b\nfoo @ file:///srv/foo\n"
        f"git1 @ git+ssh://git@git.example/a.git@{HASH}\ngit+https://git.example/b@{HASH}#egg=b ; os_name == 'posix'\n"
        "bare==1.0\n"
        f"git2 @ git+https://git.example/c@{HASH[:8]}\n"
        "./vendor/leaf-1.0-py3-none-any.whl\n"
    )
    (tmp_path / "requirements.txt").write_text(text)
    found = requirements_in(tmp_path / "requirements.txt")
    assert [each.number for each in found if not each.has_hash] == [9, 10, 11]
