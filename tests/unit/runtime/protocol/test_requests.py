"""The table of verbs: what it accepts comes back word for word, whatever else is refused by a sentence."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.runtime.instance import answers
from releaser.runtime.protocol import frames, requests
from releaser.runtime.supervisor.control import answers as supervisor_answers

ACCEPTED = {
    "control": [
        ["ping"],
        ["alive"],
        ["pid"],
        ["status"],
        ["status", "--json"],
        ["stop"],
        ["stop", "0.5"],
        ["stop", "1e-05"],
        ["stop", "31536000.0"],
        ["environ"],
        ["args"],
        ["restart", "worker.2"],
        ["reloaded", "A=", "B=x=y", "C=\udcff"],
        ["upgrade", "{}"],
    ],
    "agent": [
        ["ping"],
        ["rpc", "text", "app:main"],
        ["rpc", "json", "app:main", "1", "", "\udcff"],
        ["rpc_at", "post_start", "text", "app:main"],
        ["ask", "app:main"],
        ["drain", "4711", "replaced"],
        ["reload", "A=1"],
        ["console"],
    ],
}
REFUSED = {
    "control": [
        ["dance"],
        [""],
        ["ping", "now"],
        ["pid", ""],
        ["status", "--xml"],
        ["status", "--json", "--json"],
        ["stop", "abc"],
        ["stop", ""],
        ["stop", "nan"],
        ["stop", "inf"],
        ["stop", "-1"],
        ["stop", "1e309"],
        ["stop", "9" * 30],
        ["stop", "1_0"],
        ["stop", "\u0661"],
        ["stop", "1", "2"],
        ["restart"],
        ["restart", ""],
        ["restart", "../x"],
        ["restart", "\udcff"],
        ["restart", "a", "b"],
        ["reloaded"],
        ["reloaded", "A"],
        ["reloaded", "A=1", "=1"],
        ["upgrade"],
        ["upgrade", ""],
        ["upgrade", "{}", "{}"],
        ["\udcff\udcfe"],
        ["x" * 5000],
        ["restart", "x" * 5000],
    ],
    "agent": [
        ["status"],
        ["rpc"],
        ["rpc", "text"],
        ["rpc", "xml", "app:main"],
        ["rpc_at", "post_start", "text"],
        ["rpc_at", "", "text", "app:main"],
        ["ask"],
        ["ask", "app:main", "1"],
        ["ask", "a" * 1001],
        ["drain"],
        ["drain", "1"],
        ["drain", "-1", "replaced"],
        ["drain", "9" * 5000, "replaced"],
        ["drain", "\u0663", "replaced"],
        ["drain", "1", "soon"],
        ["reload"],
        ["reload", "A"],
        ["console", "now"],
        ["rpc", "text", "app:main", *[""] * requests.MAX_WORDS],
    ],
}
TABLES = {"control": requests.CONTROL, "agent": requests.AGENT}


def body_of(words: list[str]) -> bytes:
    return frames.encode_request(*words)[frames.HEADER_BYTES :]


@pytest.mark.parametrize(("socket", "words"), [(name, words) for name, all_ in ACCEPTED.items() for words in all_])
def test_what_is_in_the_table_comes_back_word_for_word(socket: str, words: list[str]) -> None:
    assert requests.read(TABLES[socket], body_of(words), "it") == words


@pytest.mark.parametrize(("socket", "words"), [(name, words) for name, all_ in REFUSED.items() for words in all_])
def test_anything_else_is_refused_in_one_short_line(socket: str, words: list[str]) -> None:
    with pytest.raises(requests.Refused) as refused:
        requests.read(TABLES[socket], body_of(words), "it")
    answer = requests.refusal(refused.value, "nothing was done")
    (kind, text), last = frames.Decoder().feed(answer)
    assert (kind, last) == (frames.ERROR, (frames.EXIT, b"2"))
    first, now, rest = text.decode().split("\n")
    assert first.startswith("error: ")
    assert len(first) < 250
    assert (now, rest) == ("  now: nothing was done", "")


def test_every_verb_of_the_table_is_accepted_once_and_refused_once_here() -> None:
    for name, table in TABLES.items():
        assert {words[0] for words in ACCEPTED[name]} == set(table)
    assert {words[0] for words in REFUSED["control"]} & set(requests.CONTROL) == set(requests.CONTROL) - {
        "alive",
        "environ",
        "args",
    }


def verbs_with_an_arm(module: str) -> list[str]:
    """Return the verbs that the `match` of a module has an arm for."""
    found = []
    for node in ast.walk(ast.parse(Path(module).read_text())):
        if isinstance(node, ast.match_case):
            pattern = node.pattern.patterns[0] if isinstance(node.pattern, ast.MatchSequence) else node.pattern
            if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
                found.append(pattern.value.value)
    return found


def verbs_with_a_row(module: str) -> list[str]:
    """Return the keys of the table ANSWERS as they are written: of two that are the same, Python keeps the last."""
    (table,) = (
        node.value
        for node in ast.parse(Path(module).read_text()).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ANSWERS"
    )
    assert isinstance(table, ast.Dict)
    return [key.value for key in table.keys if isinstance(key, ast.Constant)]


@pytest.mark.parametrize(
    ("verbs", "table"),
    [
        (verbs_with_a_row(supervisor_answers.__file__), requests.CONTROL),
        (verbs_with_an_arm(answers.__file__), requests.AGENT),
    ],
    ids=["control", "agent"],
)
def test_each_socket_has_one_answer_to_what_its_table_holds_and_to_nothing_else(
    verbs: list[str], table: Mapping[str, requests.Verb]
) -> None:
    assert sorted(verbs) == sorted(table)


def test_no_two_verbs_of_the_supervisor_have_the_same_answer() -> None:
    assert set(supervisor_answers.ANSWERS) == set(requests.CONTROL)
    assert len(set(supervisor_answers.ANSWERS.values())) == len(requests.CONTROL)


@given(st.sampled_from(sorted(TABLES)), st.binary(max_size=200))
def test_bytes_are_a_request_or_refused_and_nothing_else(socket: str, body: bytes) -> None:
    try:
        words = requests.read(TABLES[socket], body, "it")
    except (requests.Refused, frames.ProtocolError) as error:
        frames.Decoder().feed(requests.refusal(error, "nothing was done"))
    else:
        assert body_of(words) == body


@given(st.sampled_from(sorted(TABLES)), st.lists(st.text(st.characters(exclude_characters="\0"), max_size=20)))
def test_words_behind_a_verb_are_taken_or_refused(socket: str, words: list[str]) -> None:
    for verb in TABLES[socket]:
        body = "\0".join(("1", verb, *words)).encode("utf-8", "surrogatepass")
        try:
            assert requests.read(TABLES[socket], body, "it")[0] == verb
        except requests.Refused as error:
            frames.Decoder().feed(requests.refusal(error, "nothing was done"))


@pytest.mark.parametrize("socket", TABLES)
def test_a_verb_has_its_bound_as_soon_as_it_has_arrived(socket: str) -> None:
    table = TABLES[socket]
    for verb, known in table.items():
        beginning = b"1\0" + verb.encode() + b"\0"
        assert len(beginning) < requests._VERB_WITHIN_BYTES
        assert requests.bound_bytes(table, beginning) == known.most_bytes
        for length in range(len(beginning)):
            assert requests.bound_bytes(table, beginning[:length]) == requests.LARGE_BYTES
    assert requests.bound_bytes(table, b"1\0dance\0") == requests.SMALL_BYTES
    assert requests.bound_bytes(table, b"x" * 64) == requests.SMALL_BYTES


def test_only_those_that_carry_an_environment_or_arguments_may_be_large() -> None:
    large = [verb for table in TABLES.values() for verb, known in table.items() if known.most_bytes > 4096]
    assert large == ["reloaded", "upgrade", "rpc", "rpc_at", "reload"]
