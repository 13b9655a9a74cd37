"""How does an author say when the app is ready? `readiness`, a word or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item
from releaser.config.kinds import Choice, Duration, Kind, Setting, Text
from releaser.config.profile import ReadinessKind, ReadinessSpec
from releaser.config.sections import Field, Section
from releaser.config.text import addresses, checks

KINDS: tuple[ReadinessKind, ...] = ("started", "notify", "http", "tcp", "call")
WORDS = Choice(
    words=("started", "notify"),
    reasons={
        "http": "a table names the URL: { http = 'http://127.0.0.1:8000/health' }",
        "tcp": "a table names the address: { tcp = '127.0.0.1:8000' }",
        "call": "a table names the function: { call = 'shop.release:is_ready' }",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyTrue(Kind):
    """A name that says all by being there."""

    wanted: str = "true"

    def read(self, item: Item) -> Setting:
        if item.data is not True:
            item.expected(self.wanted, "leave the setting out, and name the way that holds in its place")
        return Setting(value=True, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"const": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness(Section):
    """A section that may be written as one word."""

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, str):
            return Section.read(self, item)
        word = WORDS.read(item)
        told = Setting(value=True, origin=word.origin, written=True)
        return Setting(value={word.value: told}, origin=word.origin, replaces=True)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [WORDS.schema(), Section.schema(self)]}


def _make(setting: Setting, values: Mapping[str, Any]) -> ReadinessSpec:
    kind = next(kind for kind in KINDS if kind in values)
    times = {name: value for name, value in values.items() if name not in KINDS}
    target = values[kind]
    return ReadinessSpec(kind=kind, target=target if isinstance(target, str) else "", **times)


READINESS = Readiness(
    wanted="'started', 'notify', or a table such as { http = 'http://127.0.0.1:8000/health' }",
    one_of=KINDS,
    make=_make,
    fields=(
        Field(
            name="started",
            kind=OnlyTrue(),
            doc="Ready as soon as the entry point is imported and called.",
            example="true",
        ),
        Field(
            name="notify",
            kind=OnlyTrue(),
            doc="Ready when the app, or its server, sends `READY=1` to `NOTIFY_SOCKET` (sd_notify(3)).",
            example="true",
        ),
        Field(
            name="http",
            kind=Text(wanted="a URL such as 'http://127.0.0.1:8000/health'", check=addresses.http_url),
            doc="Ready when this URL answers with a status from 200 to 299. Variables in it are replaced at start.",
            example='"http://127.0.0.1:8000/health"',
        ),
        Field(
            name="tcp",
            kind=Text(wanted="an address such as '127.0.0.1:8000'", check=addresses.tcp_address),
            doc="Ready when this address accepts a connection. Variables in it are replaced at start.",
            example='"127.0.0.1:8000"',
        ),
        Field(
            name="call",
            kind=Text(wanted="a function such as 'shop.release:is_ready'", check=checks.entry_point),
            doc="Ready when this function of a module that the app has imported, called in the app, returns true.",
            example='"shop.release:is_ready"',
        ),
        Field(
            name="timeout",
            kind=Duration(),
            doc="How long the app may take to become ready; then the start has failed.",
            default='"60s"',
            example='"2m"',
            target="timeout_s",
        ),
        Field(
            name="interval",
            kind=Duration(),
            doc="How long to wait between two attempts of `http`, `tcp` and `call`.",
            default='"100ms"',
            example='"500ms"',
            target="interval_s",
        ),
    ),
)
