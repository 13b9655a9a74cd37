"""What a process for one tenant does, and the one that asks which tenants there are; both are started by `migrate`.

The order is JSON on standard input, so that no URL is seen in the list of processes. What is said on the way goes to
standard output line by line; the last line begins with `ANSWER` and is JSON: `failure` in it, if it failed.

A process whose parent has gone is told so by the kernel (`releaser.runtime.bundle.process`): it rolls back and ends.
"""

from __future__ import annotations

import json
import os
import select
import sys

from ...bundle import activation
from ...release.failures import DONE, FAILED, Failure
from ..failures import Interrupted
from ..lasting import lasting
from ..sessions.signals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...release.context import Context

ANSWER = "\x1e"
"""ASCII's record separator."""


def ask_tenants(context: Context, args: list[str]) -> int:
    """Call the callable that returns the tenants: the internal command `_tenants`."""
    order = _begin(context, args)
    function = str(order["function"])
    from .tenant import read_tenants

    try:
        found = read_tenants(function, _called(function))
    except Failure as failure:
        return _answer({"failure": _told(failure)})
    return _answer({"targets": [tenant.to_dict() for tenant in found]})


def migrate_tenant(context: Context, args: list[str]) -> int:
    """Carry out a command for one tenant: the internal command `_tenant`."""
    from ..output.report import make_tolerant

    output, _ = make_tolerant()
    with Signals(_last_words) as signals:
        try:
            order = _begin(context, args)
            with lasting():
                from .. import results
            from ..options import Options
            from ..output.report import Report
            from .tenant import Tenant

            options = Options.from_dict(order["options"])
            tenant = Tenant(**order["target"])
            record = next(each for each in context.manifest.migrations if each.name == order["database"])
            where = (context, record, order["url"], options, signals, Report(output))
            applied: list[str] = []
            try:
                if order["command"] == "migrate":
                    result, lines = results.migrate_database(*where, applied, tenant)
                else:
                    result, lines = results.migrations(*where, tenant)
            except Failure as failure:
                return _answer({"failure": _told(failure), "applied": applied})
            return _answer({"result": result, "lines": lines, "applied": applied})
        except Interrupted as interrupted:
            early = Failure(f"interrupted by {interrupted}", 128 + interrupted.number, now="nothing was migrated")
            return _answer({"failure": _told(early), "applied": []})
        finally:
            output.drop_if_broken()


def _begin(context: Context, args: list[str]) -> dict[str, Any]:
    """Read the order, and make this process one of the app's; its environment is complete already.

    Raises:
        SystemExit: the parent has gone before this process could hear of it.
        Failure: the bundle cannot be used.
    """
    lifeline = select.poll()
    lifeline.register(int(args[0]), select.POLLIN)
    if lifeline.poll(0):
        sys.exit(FAILED)
    os.set_inheritable(int(args[0]), False)
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.dont_write_bytecode = True
    activation.activate(context)
    return order


def _called(function: str) -> object:
    """Return what the callable returned; a coroutine is awaited.

    Raises:
        Failure: it cannot be called, or it failed.
    """
    from ...bundle import calls

    try:
        value = calls.resolve(function)()
        if hasattr(value, "__await__"):
            from ...bundle.loops import wait_for

            value = wait_for(value)
    except Failure as failure:
        raise Failure(f"cannot ask for the tenants: {failure.message}", now="nothing was migrated") from None
    except (Exception, SystemExit) as error:
        from ...release.tracebacks import last_place, summary

        raise Failure(
            f"cannot ask for the tenants: {function} failed: {without_password(summary(error))}",
            details=last_place(error),
            now="nothing was migrated",
        ) from None
    return value


def without_password(text: str) -> str:
    """Return `text` with the passwords of URLs in it replaced."""
    import re

    return re.sub(r"(://[^:/@\s]*:)[^\s]*@", r"\1***@", text)


def _told(failure: Failure) -> dict[str, Any]:
    return {name: getattr(failure, name) for name in ("message", "exit_code", "details", "now", "hint")}


def _last_words(failure: Failure) -> str:
    return _line({"failure": _told(failure), "applied": []})


def _line(answer: dict[str, Any]) -> str:
    return f"{ANSWER}{json.dumps(answer)}\n"


def _answer(answer: dict[str, Any]) -> int:
    sys.stdout.write(_line(answer))
    sys.stdout.flush()
    failure = answer.get("failure")
    return int(failure["exit_code"]) if failure else DONE
