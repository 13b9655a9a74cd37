"""What `make_graph` says of revisions that were found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from releaser.migrations.graph import Found, Graph, make_graph


def found(revision: str, *down: str, **more: object) -> Found:
    values = {"path": f"versions/{revision}.py", "has_upgrade": True, "sha256": f"hash of {revision}", **more}
    return Found(revision=revision, down=down, **values)  # type: ignore[arg-type]


def told(*scripts: Found) -> list[str]:
    graph, problems = make_graph(scripts, "alembic_version")
    assert graph is None
    return [f"{problem.where}: {problem.what}" for problem in problems]


def test_a_line_is_in_the_order_it_is_applied_in_wherever_the_files_lie() -> None:
    graph, problems = make_graph([found("c", "b"), found("a"), found("b", "a")], "versions_of_shop")
    assert problems == ()
    assert graph is not None
    assert (graph.line, graph.heads, graph.version_table) == (("a", "b", "c"), ("c",), "versions_of_shop")
    assert list(graph.files.items()) == [("a", "hash of a"), ("b", "hash of b"), ("c", "hash of c")]


def test_branches_that_are_merged_again_are_one_line() -> None:
    graph, _ = make_graph([found("a"), found("b", "a"), found("c", "a"), found("d", "b", "c")], "t")
    assert graph is not None
    assert (graph.line, graph.heads) == (("a", "b", "c", "d"), ("d",))


def test_a_revision_comes_after_the_label_it_depends_on() -> None:
    scripts = [
        found("a"),
        found("b", "a", depends_on=("blue",)),
        found("c", "a", labels=("blue",)),
        found("d", "b", "c"),
    ]
    graph, _ = make_graph(scripts, "t")
    assert graph is not None
    assert graph.line == ("a", "c", "b", "d")


@pytest.mark.parametrize(
    ("scripts", "problems"),
    [
        ((), [": there are no revisions"]),
        (
            (found("a"), found("b", "a"), found("c", "a")),
            ["versions/b.py: revision b is one of 2 heads", "versions/c.py: revision c is one of 2 heads"],
        ),
        (
            (found("a"), found("b"), found("c", "a", "b")),
            [
                "versions/a.py: revision a is one of 2 bases; one is allowed",
                "versions/b.py: revision b is one of 2 bases; one is allowed",
            ],
        ),
        ((found("a"), found("b", "lost")), ["versions/b.py: comes after revision lost, which is in no file"]),
        (
            (found("a"), found("a", path="versions/a copy.py")),
            ["versions/a copy.py: revision a is already in versions/a.py"],
        ),
        (
            (found("a" * 33),),
            [f"versions/{'a' * 33}.py: revision {'a' * 33} has 33 characters; at most 32 fit"],
        ),
        ((found("a", has_upgrade=False),), ["versions/a.py: has no function 'upgrade'"]),
        ((found("", path="versions/x.py"),), ["versions/x.py: has no 'revision'"]),
        (
            (found("a"), found("b", "c"), found("c", "b")),
            ["versions/b.py: these revisions form a circle: b, c"],
        ),
        (
            (
                found("a"),
                found("", path="versions/b.py", error="syntax error: invalid syntax", line=7),
                found("c", "b"),
            ),
            ["versions/b.py:7: cannot be imported: syntax error: invalid syntax"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_the_file(scripts: tuple[Found, ...], problems: list[str]) -> None:
    assert told(*scripts) == problems


def test_everything_wrong_is_told_at_once() -> None:
    said = told(found("a"), found("b", "a", has_upgrade=False), found("c", "a"), found("d" * 40, "c"))
    assert len(said) == 4


def test_two_heads_come_with_the_command_that_joins_them() -> None:
    _, problems = make_graph([found("a"), found("b", "a"), found("c", "a")], "t")
    assert problems[-1].hint == "join them: alembic merge b c"


def test_what_is_due_before_the_new_code_does_not_come_after_what_is_due_later() -> None:
    graph = Graph(
        line=("a", "b", "c", "d"),
        heads=("d",),
        files={},
        version_table="alembic_version",
        post=("b", "c"),
        paths={"d": "versions/d.py"},
    )
    (problem,) = graph.out_of_order({"a"})
    assert problem.where == "versions/d.py"
    assert problem.what == "revision d is of phase pre, and comes after b of phase post"
    assert graph.out_of_order({"a", "b", "c"}) == ()
    assert replace(graph, post=("d",)).out_of_order(()) == ()
