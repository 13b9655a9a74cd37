"""No request is refused, reset or left unanswered while the version changes, counted by clients that never stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.load import load
from support.running import Release
from support.waiting import eventually

Archive = Callable[..., Path]


def test_no_request_is_lost_while_the_version_changes_forth_and_back(release: Release, archive: Archive) -> None:
    assert release.run("unpack", str(archive("2.0.0", "two"))).returncode == 0
    release.foreground()
    with load(release) as clients:
        eventually(lambda: clients.answers["one"] > 20, within=30)
        for words, word in ((("upgrade", "2.0.0"), "two"), (("rollback",), "one"), (("upgrade", "2.0.0"), "two")):
            answer = release.run(*words)
            assert answer.returncode == 0, answer.stderr
            before = clients.answers[word]
            eventually(lambda word=word, before=before: clients.answers[word] > before + 20, within=30)  # type: ignore[misc]
    assert clients.lost == []
    assert set(clients.answers) == {"one", "two"}
