"""The command `help`: which commands there are, and what each of them takes, in 80 columns."""

from __future__ import annotations

from ..release.failures import DONE, USAGE, Failure
from .command_line import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context

_COLUMNS = 80
_USAGE_WIDTH = 27
OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "foreground": (("--only PROCESSES", "start these processes alone, with commas between"), ("ARGS", "go to the app")),
    "start": (("--only PROCESSES", "start these processes alone, with commas between"), ("ARGS", "go to the app")),
    "stop": (("--timeout D", "kill the app after this long (10s, 2m) instead of stop_timeout"),),
    "restart": (("PROCESS", "restart this process alone, and wait until it is ready again"),),
    "ping": (("--alive", "ask whether the supervisor answers, not whether the app is ready"),),
    "status": (("--json", "one JSON object"),),
    "logs": (
        ("-f", "go on with what is written from now on"),
        ("-n N", "begin with the last N lines"),
        ("--hooks", "the lines of hooks only"),
    ),
    "rpc": (
        ("--json", "arguments and result are JSON"),
        ("--timeout D", "give up waiting after this long (10s, 2m)"),
        ("--process P", "call this process, such as main or worker.2"),
        ("--all", "call every process, one after the other"),
    ),
    "run": (
        ("PROGRAM", "a program of the bundle, python, or a script by its path"),
        ("ARGS", "go to the program"),
    ),
    "eval": (
        ("--json", "arguments and result are JSON"),
        ("--file PATH", "run this file"),
    ),
    "remote_console": (("--process P", "go into this process, such as main or worker.2"),),
    "generate": (
        ("--socket", "the socket unit, for socket activation"),
        ("--user U", "the user that the service runs as"),
        ("--output DIR", "write the files into this folder"),
    ),
    "migrate": (
        ("DATABASE", "this database of several alone"),
        ("--target NAME", "this tenant of a database alone"),
        ("--to REV", "stop at this revision: an id or its beginning, +2, head"),
        ("--at-least REV", "the same, and nothing to do if the database is further"),
        ("--phase pre|post", "stop before the first revision of phase post; or the rest"),
        ("--dry-run, --plan", "print what would be applied, and change nothing"),
        ("--sql", "print the statements that would be executed"),
        ("--check", "exit with 10 if something is pending"),
        ("--lock-wait D", "wait this long for another runner (default: 10m)"),
        ("--json", "one JSON object on standard output"),
        ("--down-to REV --yes-lose-data", "undo what comes after it"),
        ("--resolve REV applied|undone|retry", "say how a revision that was left half-way was repaired"),
        ("--stamp REV [--force]", "say at which revision a database made by other means is"),
        ("--unlock --force", "end the session of whoever holds the lock"),
    ),
    "versions": (("--json", "one JSON object"),),
    "unpack": (
        ("FILE", "a .tar.gz, a .tar, a file that runs, or a .tar.zst where zstd is installed"),
        (
            "--allowed-signers FILE",
            "take it only if somebody in this list (ssh-keygen(1)) has signed it; ROOT/allowed_signers counts always",
        ),
        ("--identity NAME", "who of them must have signed it"),
        ("--repair", "put back what was changed or is missing of a version that is here"),
        ("--keep-env", "give it the env.sh of the present version, where that was edited"),
    ),
    "upgrade": (
        ("VERSION", "`versions` lists those that are here"),
        ("--keep-env", "give it the env.sh of the version before, where that was edited"),
    ),
    "migrations": (
        ("DATABASE", "this database of several alone"),
        ("--target NAME", "this tenant of a database alone"),
        ("--json", "one JSON object"),
    ),
}
"""What stands behind a command, as (word, meaning)."""


def help_(context: Context, args: list[str]) -> int:
    """Print the list of commands, or one of them.

    Raises:
        Failure: more than one word, or no command of this release.
    """
    if len(args) > 1:
        raise Failure(f"expected `{context.name} help [COMMAND]`", USAGE, now="nothing was done")
    custom = {item.name: item.summary for item in context.manifest.commands}
    if args:
        return help_of(context, args[0], custom)
    print(f"usage: {context.name} COMMAND [ARGUMENTS]\n")
    for name, (_, _, arguments, summary) in COMMANDS.items():
        _print_pair(f"{name} {arguments}".strip(), summary)
    if custom:
        print("\ncommands of this release:")
        for name, summary in custom.items():
            _print_pair(name, summary)
    print(f"\n`{context.name} help COMMAND` tells more of one; `{context.name} describe` of the release itself.")
    return DONE


def help_of(context: Context, name: str, custom: dict[str, str]) -> int:
    """Print what one command does and takes.

    Raises:
        Failure: the release has no such command.
    """
    if name in COMMANDS:
        _, _, arguments, summary = COMMANDS[name]
        print(f"usage: {context.name} {name} {arguments}".rstrip())
        print(f"\n{summary}")
        if name in OPTIONS:
            print()
        for word, meaning in OPTIONS.get(name, ()):
            _print_pair(word, meaning)
        return DONE
    if name in custom:
        print(f"usage: {context.name} {name} [ARGUMENTS]\n")
        for line in _wrapped(custom[name], _COLUMNS):
            print(line)
        return DONE
    raise Failure(f"{context.name} has no command '{name}'", USAGE, hint=f"`{context.name} help` lists the commands")


def _print_pair(usage: str, meaning: str) -> None:
    lines = _wrapped(meaning, _COLUMNS - _USAGE_WIDTH - 3)
    if len(usage) > _USAGE_WIDTH:
        print(f"  {usage}")
    else:
        print(f"  {usage:{_USAGE_WIDTH}} {lines.pop(0)}".rstrip())
    for line in lines:
        print(f"  {'':{_USAGE_WIDTH}} {line}")


def _wrapped(text: str, columns: int) -> list[str]:
    """Return the text in lines of so many characters; textwrap would import re."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > columns:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines
