"""The record of every file, folder and link: written, read, and refused when it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.release.checking.record import (
    FILE,
    FOLDER,
    LINK,
    Member,
    RecordError,
    encode,
    load,
    look_at,
    parse,
    paths_below,
)

DIGEST = "0123456789abcdef" * 4
NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: b"/".join(parts).decode("utf-8", "surrogateescape"))
MEMBERS = st.one_of(
    st.builds(Member, st.just(FOLDER), mode=st.just(0o755)),
    st.builds(Member, st.just(LINK), link=PATHS),
    st.builds(
        Member,
        st.just(FILE),
        mode=st.sampled_from((0o755, 0o644)),
        size_bytes=st.integers(0, 10**15),
        sha256=st.just(DIGEST),
    ),
)


@given(st.dictionaries(PATHS, MEMBERS))
def test_what_is_written_is_read_again(members: dict[str, Member]) -> None:
    text = encode(members)
    assert parse(text) == members
    assert text.isascii()


def test_it_is_sorted_and_says_what_mtree_would() -> None:
    members = {
        "bin/app": Member(FILE, mode=0o755, size_bytes=7, sha256=DIGEST),
        "bin": Member(FOLDER, mode=0o755),
        "a b\\": Member(LINK, link="x#y"),
    }
    assert encode(members) == (
        "#mtree\n"
        "./a\\040b\\134 type=link link=x\\043y\n"
        "./bin type=dir mode=0755\n"
        f"./bin/app type=file mode=0755 size=7 sha256={DIGEST}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#mtree",
        "#mtree\n./a type=dir mode=0755",
        "./a type=dir mode=0755\n",
        "#mtree\n\n",
        "#mtree\na type=dir mode=0755\n",
        "#mtree\n./ type=dir mode=0755\n",
        "#mtree\n./a type=dir mode=0777\n",
        "#mtree\n./a type=dir\n",
        "#mtree\n./a type=dir mode=0755 mode=0755\n",
        "#mtree\n./a type=dir mode=0755 uid=0\n",
        "#mtree\n./a type=socket mode=0755\n",
        "#mtree\n./a type=link\n",
        "#mtree\n./a\\9 type=dir mode=0755\n",
        "#mtree\n./a\\777 type=dir mode=0755\n",
        f"#mtree\n./a type=file mode=4755 size=1 sha256={DIGEST}\n",
        f"#mtree\n./a type=file mode=0644 size=-1 sha256={DIGEST}\n",
        f"#mtree\n./a type=file mode=0644 size={'9' * 5000} sha256={DIGEST}\n",
        "#mtree\n./a type=file mode=0644 size=1 sha256=12\n",
        "#mtree\n./a type=dir mode=0755\n./a type=dir mode=0755\n",
        "#mtree\n./\u00e4 type=dir mode=0755\n",
    ],
)
def test_a_damaged_one_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        parse(text)


def test_one_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        load(str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"#mtree\n\xff\n")
    with pytest.raises(RecordError, match="ASCII"):
        load(str(tmp_path / "binary"))


def test_a_folder_is_gone_through_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "b/c/file").write_text("x")
    (tmp_path / "b/skipped").mkdir()
    (tmp_path / "b/skipped/file").write_text("x")
    (tmp_path / "a").symlink_to("b")
    found = list(paths_below(str(tmp_path), lambda path: path == "b/skipped"))
    assert sorted(found) == ["a", "b", "b/c", "b/c/file"]
    assert look_at(str(tmp_path / "a")) == Member(LINK, link="b")
