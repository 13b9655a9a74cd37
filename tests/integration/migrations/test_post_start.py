"""A migration from `post_start`, by a script and rpc: what follows when a revision fails, now and at the next start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.migrated import ACCOUNTS, revision, write_several
from support.running import Release, ended

from releaser.runtime.release.manifest import Hook

if TYPE_CHECKING:
    from conftest import Subject

APP = "import threading\n\ndef main():\n    threading.Event().wait()\n"
SCRIPT = '#!/bin/sh\nset -e\n"$RELEASE_PROG" rpc releaser.runtime:migrate\n'
BROKEN = {**ACCOUNTS, "a004": revision("a004", "a003", "broken", 'op.execute("INSERT INTO nowhere VALUES (1)")')}


class Place:
    """Makes releases that migrate a broken revision from a post_start script."""

    def __init__(self, subject: Subject, stack: ExitStack) -> None:
        self._subject = subject
        self._stack = stack

    def __call__(self, on_failure: str) -> Release:
        hook = Hook(event="post_start", name="20-up", path="up", call="", timeout_s=120.0, on_failure=on_failure)
        root = self._subject.folder / "r"
        release = write_several(root, {"default": BROKEN}, modules={"app.py": APP}, hooks=[hook])
        script = Path(release.layout.release) / "up"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        env = {"PATH": "/usr/bin:/bin", "DEFAULT_URL": self._subject.url}
        return self._stack.enter_context(ended(Release(root=root, env=env, scratch=self._subject.folder)))


@pytest.fixture
def place(sqlite: Subject) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(sqlite, stack)


def test_it_stops_the_release_and_is_not_tried_again_by_the_next_start(place: Place, sqlite: Subject) -> None:
    release = place("stop")
    first = release.begin("foreground")
    assert first.wait() == 1
    assert "error: revision a004 broken failed: no such table: nowhere" in first.output()
    assert "the post_start hook 20-up exited with 1" in first.errors()
    second = release.begin("foreground")
    assert second.wait() == 1
    assert "and is not tried again by a start" in second.output()
    assert sqlite.version() == ["a003"]
    by_hand = release.run("migrate")
    assert "error: revision a004 broken failed: no such table: nowhere" in by_hand.stderr
    assert release.leftovers() == []


def test_it_is_told_and_the_release_goes_on_where_the_hook_only_warns(place: Place) -> None:
    release = place("warn")
    running = release.foreground()
    assert "error: revision a004 broken failed: no such table: nowhere" in running.output()
    assert release.status()["last_failure"] == "the post_start hook 20-up exited with 1"
    assert release.run("ping").returncode == 0
