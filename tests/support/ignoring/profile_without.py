"""What does the plan of a build get in place of a setting that the configuration forgets? Its default."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, replace

from releaser.config.settings.hooks import EVENTS

_FIELDS = {"stop_timeout": "stop_timeout_s", "drain": "drain_s"}
_KINDS = ("http", "tcp", "call", "notify", "started", "heartbeat")


def forgotten(setting, profile):
    """Return `profile` with the default of `setting`."""
    head, _, part = setting.partition(".")
    field = _FIELDS.get(head, head)
    value = getattr(profile, field)
    if not part:
        return replace(profile, **{field: _default(profile, field)})
    if head == "version":
        return replace(profile, version="project") if isinstance(value, tuple) else profile
    if setting == "steps.run":
        return replace(profile, steps=())
    if head == "overlays":
        return replace(profile, overlays=_overlays_without(value, part))
    if head == "hooks":
        return replace(profile, hooks=_hooks_without(value, part))
    if isinstance(value, dict):
        return replace(profile, **{field: {name: _without(each, part) for name, each in value.items()}})
    if isinstance(value, tuple):
        return replace(profile, **{field: tuple(_without(each, part) for each in value)})
    return replace(profile, **{field: _without(value, part)})


def _default(value, name):
    field = next(each for each in dataclasses.fields(value) if each.name == name)
    if field.default is not MISSING:
        return field.default
    return field.default_factory()


def _without(value, part):
    if value is None:
        return None
    if part in _KINDS:
        if value.kind != part:
            return value
        if not hasattr(value, "timeout_s"):
            return None
        return replace(value, kind="notify" if part == "started" else "started", target="")
    names = {field.name for field in dataclasses.fields(value)}
    name = next(name for name in (part, f"{part}_s", f"{part}_bytes") if name in names)
    return replace(value, **{name: _default(value, name)})


def _overlays_without(overlays, part):
    if part in ("to", "mode"):
        plain = {"to": "x", "mode": ""}[part]
        return tuple(replace(overlay, **{part: plain}) for overlay in overlays)
    return tuple(overlay for overlay in overlays if overlay.kind != part)


def _hooks_without(hooks, part):
    rows = {row.name: row for row in EVENTS}
    if part in rows:
        return {event: specs for event, specs in hooks.items() if event != part}
    if part in ("run", "call"):
        return {event: tuple(spec for spec in specs if not getattr(spec, part)) for event, specs in hooks.items()}

    def plain(event):
        row = rows[event]
        return {"timeout_s": row.timeout_s} if part == "timeout" else {"on_failure": row.on_failure[0]}

    return {event: tuple(replace(spec, **plain(event)) for spec in specs) for event, specs in hooks.items()}
