"""Which state a running release is in, and what each event makes of it: one table, no effects.

The supervisor only carries this out. A start that goes well reads downward; every way to the end passes
`post_stop` once the app has lived, so that its hooks see every end::

    pre_configure -> configure -> unpack -> post_configure -> pre_start -> boot -> post_start -> running
                                                                            |         |            |
                                                                            +---------+--> pre_stop -> drain -> kill
                                                                                                        |        |
                                                                                              ended <- post_stop-+
"""

from __future__ import annotations

PRE_CONFIGURE = "pre_configure"
CONFIGURE = "configure"
UNPACK = "unpack"
POST_CONFIGURE = "post_configure"
PRE_START = "pre_start"
BOOT = "boot"
POST_START = "post_start"
RUNNING = "running"
PRE_STOP = "pre_stop"
DRAIN = "drain"
KILL = "kill"
POST_STOP = "post_stop"
ENDED = "ended"

STATES = (
    PRE_CONFIGURE,
    CONFIGURE,
    UNPACK,
    POST_CONFIGURE,
    PRE_START,
    BOOT,
    POST_START,
    RUNNING,
    PRE_STOP,
    DRAIN,
    KILL,
    POST_STOP,
    ENDED,
)

# Events.
DONE = "done"
"""The work of the state is finished."""
FAILED = "failed"
"""The work of the state failed, and `on_failure` does not say `warn`."""
READY = "ready"
"""The instance is ready."""
EXITED = "exited"
"""The last instance has ended by itself, or because it was told to."""
LOST = "lost"
"""One instance has ended for good while others go on: a release is whole or it stops."""
TIMEOUT = "timeout"
"""The deadline of the state has passed."""
STOP = "stop"
"""Somebody asked for an orderly end: a signal, or `bin/NAME stop`."""
INSIST = "insist"
"""Somebody asked again, with a second SIGINT: no more waiting."""

EVENTS = (DONE, FAILED, READY, EXITED, LOST, TIMEOUT, STOP, INSIST)

HOOK_STATES = (PRE_CONFIGURE, POST_CONFIGURE, PRE_START, POST_START, PRE_STOP, POST_STOP)
"""States whose work is to run the hooks of the event of the same name."""
INSTANCE_STATES = (BOOT, POST_START, RUNNING, PRE_STOP, DRAIN, KILL)
"""States in which an instance may be alive."""
SERVING_STATES = (POST_START, RUNNING)
"""States in which `ping` answers yes; `pre_stop` belongs to them once the instance was ready."""

_BEFORE_THE_INSTANCE = {FAILED: ENDED, STOP: ENDED, INSIST: ENDED}

TRANSITIONS: dict[str, dict[str, str]] = {
    PRE_CONFIGURE: {DONE: CONFIGURE, **_BEFORE_THE_INSTANCE},
    CONFIGURE: {DONE: UNPACK, **_BEFORE_THE_INSTANCE},
    UNPACK: {DONE: POST_CONFIGURE, **_BEFORE_THE_INSTANCE},
    POST_CONFIGURE: {DONE: PRE_START, **_BEFORE_THE_INSTANCE},
    PRE_START: {DONE: BOOT, **_BEFORE_THE_INSTANCE},
    BOOT: {
        FAILED: KILL,
        READY: POST_START,
        EXITED: POST_STOP,
        LOST: PRE_STOP,
        TIMEOUT: PRE_STOP,
        STOP: PRE_STOP,
        INSIST: KILL,
    },
    POST_START: {DONE: RUNNING, FAILED: PRE_STOP, EXITED: POST_STOP, LOST: PRE_STOP, STOP: PRE_STOP, INSIST: KILL},
    RUNNING: {EXITED: POST_STOP, LOST: PRE_STOP, TIMEOUT: PRE_STOP, STOP: PRE_STOP, INSIST: KILL},
    PRE_STOP: {DONE: DRAIN, FAILED: DRAIN, EXITED: POST_STOP, INSIST: KILL},
    DRAIN: {EXITED: POST_STOP, TIMEOUT: KILL, INSIST: KILL},
    KILL: {EXITED: POST_STOP},
    POST_STOP: {DONE: ENDED, FAILED: ENDED, INSIST: ENDED},
    ENDED: {},
}

AFTER_A_FAULT: dict[str, str] = {
    **dict.fromkeys((PRE_CONFIGURE, CONFIGURE, UNPACK, POST_CONFIGURE, PRE_START, BOOT), FAILED),
    POST_START: DONE,
    RUNNING: "",
    PRE_STOP: DONE,
    DRAIN: EXITED,
    KILL: "",
    POST_STOP: DONE,
    ENDED: "",
}
"""What a fault of ours in the work of a state means there: a start has failed, what serves goes on, an end ends."""


def next_state(state: str, event: str) -> str:
    """Return the state that `event` leads to: `state` itself when the event means nothing there."""
    return TRANSITIONS[state].get(event, state)


def describe(state: str, is_ready: bool) -> str:
    """Return the word that `status` shows for a state."""
    if state in (PRE_STOP, DRAIN, KILL, POST_STOP, ENDED):
        return "stopping"
    if state == RUNNING:
        return "running"
    return "ready" if is_ready else "starting"
