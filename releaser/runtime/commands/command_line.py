"""Which function answers which word after `bin/NAME`, and how its failure is told.

A table of names, not of functions: `ping` must not import what `foreground` needs.
"""

from __future__ import annotations

import os
import sys
from _signal import SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]

from ..release import writing
from ..release.context import Context
from ..release.failures import BUG, USAGE, Failure
from ..release.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# name: (module, function, arguments for `help`, what it does)
COMMANDS: dict[str, tuple[str, str, str, str]] = {
    "foreground": ("supervisor.foreground", "foreground", "[ARGS]", "run the release in this terminal or container"),
    "start": ("commands.background", "start", "[ARGS]", "run it in the background; returns once it is up"),
    "stop": ("commands.control_commands", "stop", "[--timeout D]", "end it in order, and wait until it is gone"),
    "restart": ("commands.background", "restart", "[PROCESS]", "stop, then start; or one process alone"),
    "ping": ("commands.control_commands", "ping", "[--alive]", "exit 0 if it is ready (or alive), else 4"),
    "pid": ("commands.control_commands", "pid", "", "print the process id to send signals to"),
    "status": ("commands.control_commands", "status", "[--json]", "what runs, since when, which hooks ran"),
    "logs": ("commands.background", "logs", "[-f] [-n N] [--hooks]", "print the output of `start`"),
    "rpc": ("commands.rpc_command", "rpc", "MODULE:FUNCTION [ARGS]", "call a function in the running app"),
    "reload_config": ("commands.reload_command", "reload_config", "", "hand changed settings to the running app"),
    "run": ("commands.custom_command", "run_program", "PROGRAM [ARGS]", "run a program of the bundle, or python"),
    "eval": ("commands.eval_command", "eval_", "CODE | MODULE:FUNCTION [ARGS]", "the same in a process of its own"),
    "remote_console": ("commands.console_command", "remote_console", "", "interactive Python in the running app"),
    "console": ("commands.console_command", "console", "", "interactive Python in a process of its own"),
    "migrate": ("commands.migrate_command", "migrate", "[DATABASE] [--to REV] [--dry-run]", "apply pending migrations"),
    "migrations": ("commands.migrate_command", "migrations", "[DATABASE] [--json]", "list them, and what is pending"),
    "describe": ("commands.describe_commands", "describe", "", "tell about this release, its hooks, variables"),
    "generate": ("commands.generate_command", "generate", "systemd [--socket]", "print a hardened systemd unit for it"),
    "upgrade": (
        "commands.upgrade_command",
        "upgrade",
        "VERSION [--keep-env]",
        "switch to another version that is here",
    ),
    "rollback": ("commands.upgrade_command", "rollback", "", "switch back to the version before"),
    "versions": ("commands.version_commands", "versions", "[--json]", "list the versions that are here"),
    "unpack": ("commands.version_commands", "unpack", "[OPTIONS] FILE", "add the version in an archive"),
    "remove": ("commands.version_commands", "remove", "VERSION", "remove one that is not in use"),
    "version": ("commands.describe_commands", "version", "", "print the version"),
    "verify": ("commands.verify_command", "verify", "", "compare every file with how it was built"),
    "help": ("commands.help_command", "help_", "[COMMAND]", "this list"),
}
_RUNTIME = __package__.rpartition(".")[0]
INTERRUPTED = 130
"""128 + SIGINT, as of any program that Ctrl-C has ended."""
QUICK = ("ping", "pid", "status")
"""What a probe calls every second: they write to descriptors only, so the interpreter need not be taken apart."""
ACTING = ("start", "restart", "unpack", "remove", "upgrade", "rollback", "eval", "migrate")
"""What has changed something once it returns, also where its last lines cannot be written."""
TAKE_EVERYTHING = ("foreground", "start")
"""What stands behind these is the app's, a `--help` too."""
OWN_HANDLERS = ("foreground", "_supervise", "_resume")
"""What hears signals in its own way as soon as it begins something; until then Ctrl-C ends the process."""
INTERNAL: dict[str, tuple[str, str]] = {
    "_instance": ("instance.entry", "run_instance"),
    "_provide": ("bundle.providers", "provide"),
    "_unpack": ("bundle.activation", "unpack_command"),
    "_tenant": ("migrations.tenants.one_tenant", "migrate_tenant"),
    "_tenants": ("migrations.tenants.one_tenant", "ask_tenants"),
    "_migration_command": ("migrations.by_command", "run_command"),
    "_log": ("supervisor.telling.logger", "run_logger"),
    "_resume": ("supervisor.foreground", "resume"),
    "_supervise": ("commands.background", "supervise_detached"),
}


def run(words: list[str]) -> None:
    """Be the process that carries out `ROOT VERSION COMMAND [ARGUMENTS]`."""
    writing.open_standard_descriptors()
    command = words[2] if len(words) > 2 else "help"
    if command not in QUICK and command not in INTERNAL:
        writing.take_over()
    leave(words[2:], _interruptible(words))


def _interruptible(words: list[str]) -> int:
    """Carry out `words` and return the exit code: 130 after Ctrl-C. A Ctrl-C after that ends the process with the code.

    A SIGINT that the caller ignores stays ignored.
    """
    try:
        code = main(words)
    except KeyboardInterrupt:  # a second one, or while a failure was told
        code = INTERRUPTED
    if callable(getsignal(SIGINT)):
        signal(SIGINT, lambda number, frame: os._exit(code))
    return code


def main(words: list[str]) -> int:
    """Carry out `ROOT VERSION COMMAND [ARGUMENTS]` and return the exit code."""
    root, version, *rest = words
    command, args = (rest[0], rest[1:]) if rest else ("help", [])
    command = {"--help": "help", "-h": "help", "--version": "version"}.get(command, command)
    if args[:1] == ["--help"] and command in COMMANDS and command not in TAKE_EVERYTHING:
        command, args = "help", [command]
    layout = Layout.of(root, version, os.environ)
    context: Context | None = None
    try:
        context = Context(layout, _release_name(layout), os.environ)
        function = _find(context, command)
        # Not before: an exception amid an import may be lost, and the command would go on.
        if command not in OWN_HANDLERS and callable(getsignal(SIGINT)):
            signal(SIGINT, default_int_handler)
        code = function(context, args)
        return writing.finish(code, "what it was to do is done" if command in ACTING else "")
    except (Failure, PermissionError) as error:
        failure = _told(layout, context, command, error)
        writing.tell(failure.lines())
        return writing.finish(failure.exit_code)
    except writing.Unwritten as error:
        return writing.finish(writing.tell_unwritten(error))
    except KeyboardInterrupt:
        return writing.finish(INTERRUPTED)
    except Exception:
        import traceback

        writing.tell([traceback.format_exc() + "error: this is a fault in releaser itself, not in the app"])
        return writing.finish(BUG)


def leave(words: list[str], exit_code: int) -> None:
    """End this process: at once after a quick query, which saves it a millisecond of ten, else as Python does."""
    if words and words[0] in QUICK:
        os._exit(exit_code)
    sys.exit(exit_code)


def _told(layout: Layout, context: Context | None, command: str, error: Failure | PermissionError) -> Failure:
    """Return what is said of an expected failure: to whom the release belongs, where the system refused something."""
    if isinstance(error, Failure) and error.__cause__ is None and (error.__suppress_context__ or not error.__context__):
        return error
    from ..release.checking.belonging import told

    return told(layout, context.name if context else os.path.basename(layout.root), command, error)


def _find(context: Context, command: str) -> Callable[[Context, list[str]], int]:
    if command in COMMANDS:
        module, function, _, _ = COMMANDS[command]
    elif command in INTERNAL:
        module, function = INTERNAL[command]
    elif any(item.name == command for item in context.manifest.commands):
        from .custom_command import run

        return lambda context, args: run(context, command, args)
    else:
        raise _unknown(context, command)
    # importlib would cost `ping` half a millisecond
    imported = __import__(f"{_RUNTIME}.{module}", fromlist=[function])
    found: Callable[[Context, list[str]], int] = getattr(imported, function)
    return found


def _unknown(context: Context, command: str) -> Failure:
    import difflib

    known = [*COMMANDS, *(item.name for item in context.manifest.commands)]
    near = difflib.get_close_matches(command, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"`{context.name} help` lists the commands"
    return Failure(f"{context.name} has no command '{command}'", USAGE, now="nothing was done", hint=hint)


def _release_name(layout: Layout) -> str:
    """Return the release's name: that of the launcher, without reading the manifest where `bin` holds one file."""
    names = os.listdir(os.path.join(layout.root, "bin"))
    return names[0] if len(names) == 1 else Context(layout, "", os.environ).manifest.name
