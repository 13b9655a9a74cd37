"""No request is refused, reset or left unanswered while the version changes, counted by clients that never stop."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.running import Release
from support.waiting import eventually

Archive = Callable[..., Path]


class Load:
    """Clients that ask without a pause; `answers` counts by the server's word, `lost` holds every failure."""

    def __init__(self, port: int) -> None:
        self.answers: Counter[str] = Counter()
        self.lost: list[str] = []
        self._port = port
        self._ended = threading.Event()
        ways = [self._anew] * 4 + [self._on_one_connection] * 2
        self._threads = [threading.Thread(target=way) for way in ways]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _anew(self) -> None:
        while not self._ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._ask(connection)
            connection.close()

    def _on_one_connection(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._ended.is_set():
            self._ask(connection)  # which connects again only after an answer with Connection: close
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            word = answer.read().decode().split(" ")[0]
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(repr(error))
            connection.close()
        else:
            self.answers[word if answer.status == 200 else str(answer.status)] += 1


@contextmanager
def load(release: Release) -> Iterator[Load]:
    clients = Load(int(release.env["PORT"]))
    clients.start()
    try:
        yield clients
    finally:
        clients.end()


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
