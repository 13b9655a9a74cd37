"""What runs in a release? The main process and those beside it, from the profile's terms into the manifest's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from releaser.config.profile import HeartSpec, LivenessSpec, Profile, ReadinessSpec
from releaser.errors import Problem
from releaser.plan.places import place_of
from releaser.plan.plan import ProcessSketch
from releaser.plan.steps import (
    Program,
)
from releaser.runtime.release.manifest import MAIN, Heart, Liveness, Readiness

STAY_UP_S = 2.0
"""How long an app has to live on after `started`: one that cannot do its work ends soon after its imports.

supervisord's `startsecs` is 1; its programs are no Python that imports a framework first.
"""
_EARLY = "gunicorn"
"""Says READY=1 once its master listens (gunicorn.arbiter), whatever becomes of the workers."""


def readiness_of(spec: ReadinessSpec, program: Sequence[str]) -> Readiness:
    """Return what the manifest says of the readiness of what `program` runs: its words, or its entry point."""
    is_early = spec.kind == "notify" and any(re.split("[.:/]", word)[0] == _EARLY for word in program)
    stay_up_s = STAY_UP_S if spec.kind == "started" or is_early else 0.0
    return Readiness(
        kind=spec.kind,
        target=spec.target,
        timeout_s=spec.timeout_s,
        interval_s=spec.interval_s,
        stay_up_s=stay_up_s if spec.stay_up_s is None else spec.stay_up_s,
        status=spec.status,
        headers=dict(spec.headers),
    )


def heart_of(spec: HeartSpec) -> Heart:
    """Return what the manifest says of a heart."""
    return Heart(
        is_on=spec.is_on,
        restarts=spec.restarts,
        backoff_s=spec.backoff_s,
        backoff_max_s=spec.backoff_max_s,
        reset_after_s=spec.reset_after_s,
    )


def liveness_of(spec: LivenessSpec | None) -> Liveness:
    """Return what the manifest says of a liveness; none is one of kind nothing."""
    if spec is None:
        return Liveness()
    return Liveness(
        kind=spec.kind,
        target=spec.target,
        interval_s=spec.interval_s,
        failures=spec.failures,
        status=spec.status,
        headers=dict(spec.headers),
    )


def process_sketches(profile: Profile) -> tuple[ProcessSketch, ...]:
    """Return the processes beside the main one, in the order of the configuration."""
    return tuple(
        ProcessSketch(
            name=name,
            readiness=readiness_of(spec.readiness, (*spec.command, spec.entry_point)),
            heart=heart_of(spec.heart),
            liveness=liveness_of(spec.liveness),
            replicas=spec.replicas,
            sockets=spec.sockets,
        )
        for name, spec in profile.process.items()
    )


def programs_of(profile: Profile) -> tuple[Program, ...]:
    """Return what each process runs, the main one first, what migrates databases instead of alembic, and commands."""
    setting = "entry_point" if profile.entry_point else "command"
    main = Program(
        name=MAIN, entry_point=profile.entry_point, command=profile.command, place=place_of(profile, setting)
    )
    others = (
        Program(name=name, entry_point=spec.entry_point, command=spec.command, place=spec.origin.problem(""))
        for name, spec in profile.process.items()
    )
    commands = (
        Program(name=f"commands.{name}", entry_point="", command=words, place=place_of(profile, f"commands.{name}"))
        for name, words in profile.commands.items()
        if not isinstance(words, str)
    )
    return (main, *others, *_migration_programs(profile), *commands)


def migration_program(database: str, what: str) -> str:
    """Return what the program is called that migrates a database (`command`) or checks it (`check`)."""
    return f"migrations.{database}.{what}"


def _migration_programs(profile: Profile) -> Iterator[Program]:
    for spec in profile.migrations:
        for what, words in (("command", spec.command), ("check", spec.check)):
            if words:
                name = migration_program(spec.name, what)
                yield Program(name=name, entry_point="", command=words, place=spec.origin.problem(""))


def process_calls(profile: Profile) -> list[tuple[str, Problem]]:
    """Return the functions that processes are asked by, each with a problem that says only where it was written."""
    calls = []
    if profile.liveness is not None and profile.liveness.kind == "call":
        calls.append((profile.liveness.target, place_of(profile, "liveness")))
    for spec in profile.process.values():
        place = spec.origin.problem("")
        if spec.readiness.kind == "call":
            calls.append((spec.readiness.target, place))
        if spec.liveness is not None and spec.liveness.kind == "call":
            calls.append((spec.liveness.target, place))
    return calls


def process_problems(profile: Profile) -> Iterator[Problem]:
    """Yield what forbids a build: a liveness without a heart, a socket that the release does not have."""
    heart = "heart = true starts a killed app again, liveness = false kills none"
    if profile.liveness is not None and not profile.heart.is_on:
        yield replace(place_of(profile, "liveness"), what="liveness needs a heart", hint=heart)
    for name, spec in profile.process.items():
        if spec.liveness is not None and not spec.heart.is_on:
            place = place_of(profile, f"process.{name}.liveness")
            yield replace(place, what=f"the liveness of '{name}' needs a heart", hint=heart)
        for index, socket in enumerate(spec.sockets):
            if socket not in profile.sockets:
                known = ", ".join(profile.sockets) or "none"
                what = f"'{name}' wants the socket '{socket}', and the release has {known}"
                yield replace(place_of(profile, f"process.{name}.sockets.{index}"), what=what)
