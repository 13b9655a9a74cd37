"""Which events are there, and what may a hook of each be? One row per event; `[release.NAME.hooks]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item, Refused
from releaser.config.kinds import Choice, Duration, Kind, Setting, Text, each
from releaser.config.profile import Event, HookSpec, OnFailure
from releaser.config.sections import Field, Section
from releaser.config.text import checks

_ALREADY_ENDING = "the release ends in any case: a failure here can only be told"
_RUN = Text(wanted="the path of a file or folder such as 'rel/hooks/check_disk'", check=checks.inner_path)
_CALL = Text(wanted="a function such as 'shop.release:warm_cache'", check=checks.entry_point)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """All that there is to know of an event when hooks for it are read."""

    name: Event
    when: str
    """For people: at which moment its hooks run. A sentence."""
    timeout_s: float
    """Seconds that a hook may take unless its `timeout` says otherwise."""
    on_failure: tuple[OnFailure, ...]
    """What may follow a failure; the first is the default."""
    reasons: Mapping[str, str]
    """Why the other words do not fit."""
    called_in: str
    """For people: where a `call` hook runs."""
    no_call: str = ""
    """Why `call` does not fit; empty when it does."""


_BEFORE_THE_APP = {"stop": "nothing runs yet that could be stopped: 'abort' ends the start"}
_AT_THE_END = {"stop": _ALREADY_ENDING, "abort": _ALREADY_ENDING}

EVENTS = (
    EventRow(
        name="pre_configure",
        when="Before `env.sh` is read, once per start.",
        called_in="nowhere",
        timeout_s=60.0,
        on_failure=("abort", "warn"),
        reasons=_BEFORE_THE_APP,
        no_call="nothing is configured yet that a function could use",
    ),
    EventRow(
        name="post_configure",
        when="After `env.sh` was read and the environment is complete, once per start.",
        called_in="a process of its own",
        timeout_s=60.0,
        on_failure=("abort", "warn"),
        reasons=_BEFORE_THE_APP,
    ),
    EventRow(
        name="pre_start",
        when="Before the app's process is started.",
        called_in="a process of its own",
        timeout_s=60.0,
        on_failure=("abort", "warn"),
        reasons=_BEFORE_THE_APP,
    ),
    EventRow(
        name="pre_migrate",
        when=(
            "Before the first pending revision is applied or undone, while the migration lock is held; never when "
            "nothing is pending."
        ),
        called_in="a process of its own",
        timeout_s=1800.0,
        on_failure=("abort", "warn"),
        reasons={"stop": "it is the migration that waits: 'abort' ends it, and what called it hears that"},
    ),
    EventRow(
        name="post_start",
        when="After the app is ready; never after a start that failed.",
        called_in="the running app",
        timeout_s=600.0,
        on_failure=("stop", "warn"),
        reasons={"abort": "the app is up by then: 'stop' stops it"},
    ),
    EventRow(
        name="pre_stop",
        when="Before the app is told to end: by `stop`, by a signal, or because a post_start hook failed.",
        called_in="the running app",
        timeout_s=15.0,
        on_failure=("warn",),
        reasons=_AT_THE_END,
    ),
    EventRow(
        name="post_stop",
        when="After the app ended in an orderly way.",
        called_in="a process of its own",
        timeout_s=15.0,
        on_failure=("warn",),
        reasons=_AT_THE_END,
    ),
    EventRow(
        name="pre_upgrade",
        when="Before an upgrade, from the tree of the new version; the old one still serves.",
        called_in="the running app, which is the old version",
        timeout_s=60.0,
        on_failure=("abort", "warn"),
        reasons={"stop": "the old version serves on: 'abort' ends the upgrade"},
    ),
    EventRow(
        name="post_upgrade",
        when="After an upgrade, once the new version serves and the old one is gone.",
        called_in="the running app, which is the new version",
        timeout_s=60.0,
        on_failure=("warn",),
        reasons={"stop": "the new version serves already", "abort": "the new version serves already"},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookList(Kind):
    """The hooks of one event: a path, or an array of paths and tables."""

    event: EventRow
    wanted: str = "the path of a file or folder, or an array of hooks"

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, str):
            return Setting(value=(self._read_hook(item),), origin=item.origin)
        if not isinstance(item.data, list):
            hint = "a hook with settings stands in an array: [{ run = ... }]" if isinstance(item.data, dict) else ""
            item.expected(self.wanted, hint)
        found = list(each(item.elements(), self._read_hook))
        if len(found) < len(item.data):
            raise Refused
        return Setting(value=tuple(found), origin=item.origin)

    def schema(self) -> dict[str, Any]:
        section = _hook_section(self.event)
        table = {**section.schema(), "oneOf": [{"required": ["run"]}, {"required": ["call"]}]}
        path = {"type": "string"}
        return {"anyOf": [path, {"type": "array", "items": {"anyOf": [path, table]}}]}

    def _read_hook(self, item: Item) -> HookSpec:
        row = self.event
        origin = item.origin
        if isinstance(item.data, str):
            values = {"run": _RUN.read(item).value}
        elif isinstance(item.data, dict):
            section = _hook_section(row)
            setting = section.read(item)
            way = next((name for name in section.one_of if name in setting.value), "")
            if not way:
                item.refuse("a hook without 'run' or 'call'", "'run' names a file or folder, 'call' a function")
            origin = setting.value[way].origin
            values = section.finish(setting, item.problems)
        else:
            item.expected("a path or a table such as { run = 'rel/hooks/check_disk' }")
        defaults = {"timeout_s": row.timeout_s, "on_failure": row.on_failure[0]}
        return HookSpec(**{**defaults, **values}, origin=origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Kind):
    """A function, where the event allows one."""

    event: EventRow
    wanted: str = _CALL.wanted

    def read(self, item: Item) -> Setting:
        if self.event.no_call:
            item.refuse_key(f"a hook of {self.event.name} cannot be a function: {self.event.no_call}", "use 'run'")
        return _CALL.read(item)

    def schema(self) -> dict[str, Any]:
        return {"not": {}} if self.event.no_call else _CALL.schema()


def hook_fields(row: EventRow) -> tuple[Field, ...]:
    """Return the settings of a hook of this event."""
    call = Field(
        name="call",
        kind=_Call(event=row),
        doc="A function `module:function` to call in place of a file.",
        example='"shop.release:warm_cache"',
    )
    return (
        Field(
            name="run",
            kind=_RUN,
            doc="A file, or a folder whose files run in byte order; relative to the folder that holds `rel/`.",
            example='"rel/hooks/check_disk"',
        ),
        call,
        Field(
            name="timeout",
            kind=Duration(),
            doc="How long one hook may take; then it is killed and counts as failed.",
            default=f'"{row.timeout_s:g}s"',
            example='"10s"',
            target="timeout_s",
        ),
        Field(
            name="on_failure",
            kind=Choice(words=row.on_failure, reasons=row.reasons),
            doc="What follows a failure: `abort` ends the start, `stop` stops the release, `warn` goes on and tells.",
            default=f'"{row.on_failure[0]}"',
            example=f'"{row.on_failure[-1]}"',
        ),
    )


def _hook_section(row: EventRow) -> Section:
    return Section(
        fields=hook_fields(row),
        wanted="a table",
        one_of=("run", "call"),
        make=lambda setting, values: values,
    )


HOOKS = Section(
    fields=tuple(
        Field(
            name=row.name,
            kind=HookList(event=row),
            doc=row.when,
            example='"rel/hooks/' + row.name + '"',
            distillery=f"{row.name}_hooks",
        )
        for row in EVENTS
    ),
    wanted="a table of events",
    noun="event",
    make=lambda setting, values: values,
)
