"""Clients that never stop asking, and count what they are answered and what is lost."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from support.running import Release


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
