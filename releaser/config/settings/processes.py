"""What keeps the app alive, and what runs beside it? `heart`, `liveness` and `process`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item, Problems
from releaser.config.kinds import Count, Duration, ListOf, Setting, Size, Text
from releaser.config.profile import HeartSpec, LivenessKind, LivenessSpec, LogSpec, ProcessSpec
from releaser.config.sections import Field, Section
from releaser.config.settings.readiness import HTTP_FIELDS, READINESS, OnlyTrue
from releaser.config.text import addresses, checks
from releaser.config.text.substitution import Wrong

LIVENESS_KINDS: tuple[LivenessKind, ...] = ("http", "tcp", "call", "heartbeat")
MOST_REPLICAS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Heart(Section):
    """A section that may be written as true or false."""

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, bool):
            return Setting(value={}, origin=item.origin, replaces=not item.data, is_off=not item.data)
        return Section.read(self, item)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, Section.schema(self)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness(Section):
    """A section that may be written as false, for none of it; the value is None then."""

    def read(self, item: Item) -> Setting:
        if item.data is not False:
            return Section.read(self, item)
        return Setting(value={}, origin=item.origin, replaces=True, is_off=True)

    def finish(self, setting: Setting, problems: Problems) -> Any:
        return None if setting.is_off else Section.finish(self, setting, problems)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": False}, Section.schema(self)]}


def process_name(text: str) -> None:
    """Check the name of a process beside the main one."""
    checks.name(text)
    if text == checks.MAIN_PROCESS:
        raise Wrong("'main' is the process that the release's own entry_point describes", "take another name")


def _make_heart(setting: Setting, values: Mapping[str, Any]) -> HeartSpec:
    return HeartSpec(is_on=not setting.is_off, **values)


def _make_liveness(setting: Setting, values: Mapping[str, Any]) -> LivenessSpec:
    kind = next(kind for kind in LIVENESS_KINDS if kind in values)
    rest = {name: value for name, value in values.items() if name not in LIVENESS_KINDS}
    return LivenessSpec(kind=kind, target=values[kind] if isinstance(values[kind], str) else "", **rest)


HEART = Heart(
    wanted="true, false, or a table such as { restarts = 8 }",
    make=_make_heart,
    fields=(
        Field(
            name="restarts",
            kind=Count(least=1, most=1000),
            doc="Crashes in a row that are answered by a restart; one more ends the release with the app's exit code.",
            default="8",
            example="3",
        ),
        Field(
            name="backoff",
            kind=Duration(),
            doc="Pause before the first restart; doubled for each that follows, and up to a quarter longer by chance.",
            default='"100ms"',
            example='"1s"',
            target="backoff_s",
        ),
        Field(
            name="backoff_max",
            kind=Duration(),
            doc="The longest pause.",
            default='"30s"',
            example='"1m"',
            target="backoff_max_s",
        ),
        Field(
            name="reset_after",
            kind=Duration(),
            doc="An instance that was ready for this long begins a new row of crashes.",
            default='"60s"',
            example='"10m"',
            target="reset_after_s",
        ),
    ),
)

LIVENESS = Liveness(
    wanted="false, or a table such as { http = 'http://127.0.0.1:8000/health' }",
    one_of=LIVENESS_KINDS,
    missing_hint="http = 'http://127.0.0.1:8000/health' says what is asked",
    make=_make_liveness,
    fields=(
        Field(
            name="http",
            kind=Text(wanted="a URL such as 'http://127.0.0.1:8000/health'", check=addresses.http_url),
            doc="This URL answers with a status of `status`. Variables in it are replaced at start.",
            example='"http://127.0.0.1:8000/health"',
        ),
        Field(
            name="tcp",
            kind=Text(wanted="an address such as '127.0.0.1:8000'", check=addresses.tcp_address),
            doc="This address accepts a connection. Variables in it are replaced at start.",
            example='"127.0.0.1:8000"',
        ),
        Field(
            name="call",
            kind=Text(wanted="a function such as 'shop.release:is_alive'", check=checks.entry_point),
            doc="This function of a module that the app has imported, called in the app, returns true.",
            example='"shop.release:is_alive"',
        ),
        Field(
            name="heartbeat",
            kind=OnlyTrue(),
            doc="The app sends `WATCHDOG=1` to `NOTIFY_SOCKET` once every `interval` or more often.",
            example="true",
        ),
        *HTTP_FIELDS,
        Field(
            name="interval",
            kind=Duration(),
            doc="How long between two questions, and how long each may take.",
            default='"5s"',
            example='"10s"',
            target="interval_s",
        ),
        Field(
            name="failures",
            kind=Count(least=1, most=1000),
            doc="How many failures in a row end the instance.",
            default="3",
            example="2",
        ),
    ),
)

HEART_FIELD = Field(
    name="heart",
    kind=HEART,
    doc="Start an instance again when it crashes. The hooks of the release are not run again for it.",
    default="false",
    example="{ restarts = 3 }",
    distillery="heart",
)
LIVENESS_FIELD = Field(
    name="liveness",
    kind=LIVENESS,
    doc=(
        "How an instance that hangs is found out, once it is ready: it is killed, and started again. Needs `heart`; "
        "`false` where an environment switches that off."
    ),
    default="false",
    example='{ http = "http://127.0.0.1:8000/health", failures = 2 }',
)

LOG = Section(
    wanted="a table such as { size = '10MB', count = 5 }",
    make=lambda setting, values: LogSpec(**values),
    fields=(
        Field(
            name="size",
            kind=Size(least=10_000, most=10**12),
            doc="At this size the file is renamed and a new one begun.",
            default='"10MB"',
            example='"100MiB"',
            target="size_bytes",
        ),
        Field(
            name="count",
            kind=Count(least=1, most=1000),
            doc="How many files there are at most, the one that is written to included.",
            default="5",
            example="2",
        ),
    ),
)

PROCESS = Section(
    wanted="a table with 'entry_point' or 'command'",
    one_of=("entry_point", "command"),
    missing_hint='entry_point = "shop.worker:main" says what the process runs',
    make=lambda setting, values: ProcessSpec(**values, origin=setting.origin),
    fields=(
        Field(
            name="entry_point",
            kind=Text(wanted="an entry point such as 'shop.worker:main'", check=checks.entry_point),
            doc="The function that the process runs. Exactly one of `entry_point` and `command` holds.",
            example='"shop.worker:main"',
        ),
        Field(
            name="command",
            kind=ListOf(
                element=Text(wanted="text", check=checks.argument),
                wanted="an array of words such as ['celery', '--app', 'shop', 'worker']",
                is_empty_allowed=False,
            ),
            doc="A console script of the bundle, or `python -m module`, with its arguments.",
            example='["celery", "--app", "shop", "worker"]',
        ),
        Field(
            name="readiness",
            kind=READINESS,
            doc="When this process is ready; the release is once all of its processes are.",
            default='"started"',
            example='"notify"',
        ),
        HEART_FIELD,
        LIVENESS_FIELD,
        Field(
            name="replicas",
            kind=Count(least=1, most=MOST_REPLICAS),
            doc="How many instances of it run.",
            default="1",
            example="2",
        ),
        Field(
            name="sockets",
            kind=ListOf(
                element=Text(wanted="the name of a socket", check=checks.name),
                wanted="an array of names such as ['web']",
                is_set=True,
            ),
            doc="Which of the release's `sockets` it inherits; the main process inherits all of them.",
            default="[]",
            example='["web"]',
        ),
    ),
)
