"""How does an author say when the app is ready? `readiness`, a word or a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item
from releaser.config.kinds import Choice, Duration, Kind, Setting, TableOf, Text
from releaser.config.profile import ReadinessKind, ReadinessSpec
from releaser.config.sections import Field, Section
from releaser.config.text import addresses, checks, probes
from releaser.config.text.substitution import REPLACED_AT_START

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
    rest = {name: value for name, value in values.items() if name not in KINDS}
    target = values[kind]
    return ReadinessSpec(kind=kind, target=target if isinstance(target, str) else "", **rest)


HTTP_FIELDS = (
    Field(
        name="status",
        kind=Text(wanted="statuses such as '200-399', '<500' or '204'", check=probes.status_range),
        doc="Which statuses of `http` say yes: one, from one to another, or all below one.",
        default='"200-299"',
        example='"<500"',
        needs="http",
    ),
    Field(
        name="headers",
        kind=TableOf(
            check_name=probes.header_name,
            element=Text(wanted="text", check=probes.header_value),
            wanted="a table such as { Host = 'shop.example' }",
        ),
        doc=(
            "What the request of `http` says besides, `Host` for one: Django answers 400 to a name that is not in "
            f"ALLOWED_HOSTS. {REPLACED_AT_START.replace('in it', 'in a value')}"
        ),
        default="{}",
        example='{ Host = "shop.example" }',
        needs="http",
    ),
)
"""Settings of each question over HTTP."""


READINESS = Readiness(
    wanted="'started', 'notify', or a table such as { http = 'http://127.0.0.1:8000/health' }",
    one_of=KINDS,
    make=_make,
    fields=(
        Field(
            name="started",
            kind=OnlyTrue(),
            doc="Ready when the entry point was imported and called, and the app lives on for `stay_up` after that.",
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
            doc="Ready when this URL answers with a status of `status`. Variables in it are replaced at start.",
            example='"http://127.0.0.1:8000/health"',
        ),
        Field(
            name="tcp",
            kind=Text(wanted="an address such as '127.0.0.1:8000'", check=addresses.tcp_address),
            doc=(
                "Ready when a process has accepted a connection to this address: of a server that forks, a worker that "
                "has imported the app. Variables in it are replaced at start."
            ),
            example='"127.0.0.1:8000"',
        ),
        Field(
            name="call",
            kind=Text(wanted="a function such as 'shop.release:is_ready'", check=checks.entry_point),
            doc="Ready when this function of a module that the app has imported, called in the app, returns true.",
            example='"shop.release:is_ready"',
        ),
        *HTTP_FIELDS,
        Field(
            name="stay_up",
            kind=Duration(may_be_zero=True),
            doc=(
                "How long the app has to live on after its answer until it counts as ready. Unset, 2s for `started`, "
                "and for `notify` of gunicorn, which says READY=1 before a worker has imported the app; 0 for the "
                "others, whose answer comes from the app."
            ),
            example='"5s"',
            target="stay_up_s",
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
