"""Which step an upgrade is in, and what each event makes of it: two tables, no effects.

An upgrade only carries this out. With sockets of its own, two versions run beside each other; without, one after the
other. A cell says which step follows and what is done then, in order. Both read downward when all goes well::

    beside:   prepare -> boot ----> switch | drain -> hooks -> ended        | the point of no return:
    in turn:  prepare -> drain -> boot -> switch | hooks ----> ended          `var/current` is written
                          |        |        |
                          +--------+--------+-> return ------> ended

Before that point every way that fails ends with the old version running, after it with the new one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Cell = tuple[str, tuple[str, ...]]
    """The step that follows, and what is done once it is entered."""
    Table = Mapping[str, Mapping[str, Cell]]

PREPARE = "prepare"
BOOT = "boot"
SWITCH = "switch"
DRAIN = "drain"
HOOKS = "hooks"
RETURN = "return"
ENDED = "ended"

STEPS = (PREPARE, BOOT, SWITCH, DRAIN, HOOKS, RETURN, ENDED)

# Events.
DONE = "done"
"""The work of the step is finished."""
FAILED = "failed"
"""The work of the step failed: an interpreter that cannot be executed, a full disk, a hook."""
READY = "ready"
"""Every instance that was started is ready."""
LATE = "late"
"""One of them did not become ready in time."""
LOST = "lost"
"""One of them has ended, and nobody told it to."""
GONE = "gone"
"""No instance of the old version lives any more, as it was told."""
CRASHED = "crashed"
"""An instance of the old version has ended beside the new one, and nobody told it to."""
TIMEOUT = "timeout"
"""The time to end that the old version has is over."""
FAULT = "fault"
"""A fault of ours, while an instance of the old version lives."""
FAULT_ALONE = "fault_alone"
"""A fault of ours, while none does."""
STOP = "stop"
"""The release ends, and this upgrade with it."""

EVENTS = (DONE, FAILED, READY, LATE, LOST, GONE, CRASHED, TIMEOUT, FAULT, FAULT_ALONE, STOP)

# What is done. Those that may make something else happen at once come last in their cell.
STEP_ASIDE = "step_aside"
"""Have the old version leave its names in `run` to the new one."""
START_NEW = "start_new"
WRITE_CURRENT = "write_current"
HAND_OVER = "hand_over"
"""Have the new version be what the release runs."""
STAND_ALONE = "stand_alone"
"""Tell the instances of the new version that nobody is beside them any more."""
SAY_SWITCHED = "say_switched"
TERMINATE_OLD = "terminate_old"
KILL_OLD = "kill_old"
CLOSE_OLD = "close_old"
RUN_HOOKS = "run_hooks"
REMOVE_NEW = "remove_new"
ROLL_BACK = "roll_back"
"""Remove the new version, and name the failure a rollback."""
SAY_RETURN = "say_return"
START_OLD = "start_old"
LET_GO = "let_go"
"""Have the supervisor hear of every instance again."""
END_WELL = "end_well"
END_SWITCHED = "end_switched"
"""Report a failure after which the new version runs."""
END_UNTOUCHED = "end_untouched"
"""Report one that the old version has not noticed."""
END_RETURNED = "end_returned"
"""Report one after which the old version was started again."""
GIVE_UP = "give_up"
"""Stop the release: neither version runs."""
LEAVE = "leave"
"""Do the least there is to do, after a fault at either end."""

GOES_ON = (START_NEW, WRITE_CURRENT, TERMINATE_OLD, RUN_HOOKS, START_OLD)
"""What may make the next thing happen before it returns."""

_ABANDON: Cell = (ENDED, (LET_GO,))
_ABANDON_NEW: Cell = (ENDED, (LET_GO, REMOVE_NEW))
_OLD_STAYS: Cell = (ENDED, (ROLL_BACK, END_UNTOUCHED))
_OLD_AGAIN: Cell = (RETURN, (ROLL_BACK, SAY_RETURN, START_OLD))
_NEW_STAYS: Cell = (ENDED, (HAND_OVER, CLOSE_OLD, END_SWITCHED))
_HOOKS_ENDED: Mapping[str, Cell] = {DONE: (ENDED, (END_WELL,)), FAILED: (ENDED, (END_SWITCHED,))}
_GIVEN_UP: Cell = (ENDED, (GIVE_UP,))
_LEFT: Cell = (ENDED, (LEAVE,))
_FAULTS = (FAULT, FAULT_ALONE)

BESIDE: Table = {
    PREPARE: {DONE: (BOOT, (STEP_ASIDE, START_NEW)), **dict.fromkeys(_FAULTS, _LEFT), STOP: _ABANDON},
    BOOT: {
        READY: (SWITCH, (WRITE_CURRENT,)),
        **dict.fromkeys((FAILED, LATE, LOST, CRASHED, *_FAULTS), _OLD_STAYS),
        STOP: _ABANDON_NEW,
    },
    SWITCH: {
        DONE: (DRAIN, (HAND_OVER, STAND_ALONE, SAY_SWITCHED, TERMINATE_OLD)),
        **dict.fromkeys((FAILED, *_FAULTS), _OLD_STAYS),
        STOP: _ABANDON_NEW,
    },
    DRAIN: {
        GONE: (HOOKS, (CLOSE_OLD, RUN_HOOKS)),
        TIMEOUT: (DRAIN, (KILL_OLD,)),
        **dict.fromkeys(_FAULTS, _NEW_STAYS),
        STOP: (ENDED, (LET_GO, CLOSE_OLD)),
    },
    HOOKS: {**_HOOKS_ENDED, **dict.fromkeys(_FAULTS, _NEW_STAYS), STOP: _ABANDON},
    RETURN: {},  # the old version was told nothing
    ENDED: dict.fromkeys(_FAULTS, _LEFT),
}
IN_TURN: Table = {
    PREPARE: {DONE: (DRAIN, (TERMINATE_OLD,)), **dict.fromkeys(_FAULTS, _LEFT), STOP: _ABANDON},
    DRAIN: {
        # The names of the old version in `run` are the new one's from here on.
        GONE: (BOOT, (CLOSE_OLD, START_NEW)),
        TIMEOUT: (DRAIN, (KILL_OLD,)),
        **dict.fromkeys(_FAULTS, (RETURN, (CLOSE_OLD, START_OLD))),
        STOP: _ABANDON,
    },
    BOOT: {
        READY: (SWITCH, (WRITE_CURRENT,)),
        **dict.fromkeys((FAILED, LATE, LOST, *_FAULTS), _OLD_AGAIN),
        STOP: _ABANDON_NEW,
    },
    SWITCH: {
        DONE: (HOOKS, (HAND_OVER, STAND_ALONE, RUN_HOOKS)),
        **dict.fromkeys((FAILED, *_FAULTS), _OLD_AGAIN),
        STOP: _ABANDON_NEW,
    },
    HOOKS: {
        **_HOOKS_ENDED,
        **dict.fromkeys(_FAULTS, (ENDED, (HAND_OVER, END_SWITCHED))),
        STOP: _ABANDON,
    },
    RETURN: {
        **dict.fromkeys((READY, FAULT), (ENDED, (END_RETURNED,))),
        **dict.fromkeys((FAILED, LATE, LOST, FAULT_ALONE), _GIVEN_UP),
        STOP: _ABANDON,
    },
    ENDED: dict.fromkeys(_FAULTS, _LEFT),
}

_WAITS_FOR_NEW = "waiting for the new version to become ready"
_TEXTS = {
    PREPARE: "",
    BOOT: _WAITS_FOR_NEW,
    SWITCH: _WAITS_FOR_NEW,
    DRAIN: "waiting for the old version to end",
    HOOKS: "running the post_upgrade hooks",
    RETURN: "starting the old version again",
    ENDED: "",
}


def after(table: Table, step: str, event: str) -> Cell:
    """Return what `event` leads to: `step` itself and nothing to do when it means nothing there."""
    return table[step].get(event, (step, ()))


def describe(table: Table, step: str) -> str:
    """Return what `status` shows for a step; nothing before the first and after the last."""
    return "stopping the old version" if table is IN_TURN and step == DRAIN else _TEXTS[step]
