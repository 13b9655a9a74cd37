"""What does `releaser init` tell? What it found, what it wrote or would write, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from releaser.errors import Problem
from releaser.init.appending import append_command
from releaser.init.choices import Choices
from releaser.init.files import Change, Changes, diff_of
from releaser.init.findings import Findings
from releaser.plan.environment_checks import GET_A_LOCK


def found_lines(found: Findings, choices: Choices) -> list[str]:
    """Return what was found, and what follows from it."""
    runs = choices.entry_point or " ".join(choices.command)
    ready = {
        "http": f"http://{choices.address}{choices.health} answers{_below(choices.status)}",
        "started": "it is started",
    }[choices.readiness]
    migrations = f"{found.script_location}, from {found.alembic_file}" if found.script_location else "none"
    if found.script_location and not found.has_alembic:
        migrations += "; left out, alembic is no dependency of the project"
    if found.django_settings and not found.script_location:
        migrations = "Django's own are described by `releaser docs django`"
    running = [
        f"  runs         {runs}",
        f"               from {choices.reason}",
        *(f"  beside it    {name}: {' '.join(command)}" for name, command in choices.processes.items()),
        *([f"  before it    {' '.join(choices.task)}"] if choices.task else []),
        *(f"  comes along  {name}" for name in choices.copied),
        *_of_the_tree(choices),
        *(f"  left out     {name}: the bundle cannot run it as it stands" for name in choices.left_out),
        f"  ready when   {ready}",
    ]
    return [
        f"found {found.name}",
        *(running if runs else [f"  runs         what {choices.reason} says"]),
        f"  migrations   {migrations}",
        *(f"  {setting:<11}  {', '.join(names)}" for setting, names in _named(choices)),
        f"  lock         {_lock(found)}",
        f"  python       {found.python}",
    ]


def _of_the_tree(choices: Choices) -> Iterator[str]:
    """Yield what is told of the project's files, and why."""
    if choices.layout:
        yield "  layout       folder: what runs lies beside the project's wheel"
    if choices.reads:
        yield f"  the tree     comes along: the code names {', '.join(choices.reads)}"
    if choices.shared:
        yield f"  shared       {', '.join(choices.shared)}: kept across versions"
    for step in choices.steps:
        yield f"  build step   {step.run}"
        yield f"               from {step.reason}"


def _named(choices: Choices) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((name, names) for name, names in (("extras", choices.extras), ("groups", choices.groups)) if names)


def _lock(found: Findings) -> str:
    if found.lock:
        return found.lock
    return f"none; each build resolves {found.asks}" if found.asks else "none, and none is needed"


def changed_lines(changes: Changes, *, is_dry_run: bool) -> Iterator[str]:
    """Yield what was or would be written: the diff of a file that was there, the name of a new one."""
    for change in changes.changes:
        if change.before is not None:
            yield from diff_of(change)
            yield ""
    for change in changes.changes:
        yield _told(change, is_dry_run)
    for path in changes.kept:
        yield f"kept {path}, which is there already; --force replaces it"
    if not changes.changes:
        yield "nothing to add: rel/config.toml has a release and its environments"


def refused_later(found: Findings, changes: Changes) -> list[Problem]:
    """Return what `releaser check` and every build refuse, for the author to mend."""
    problems = [replace(each, what=f"`releaser check` refuses this: {each.what}") for each in changes.problems]
    return [*problems, *([Problem(where="", what=found.python_trouble)] if found.python_trouble else [])]


def next_lines(found: Findings, changes: Changes, words: Sequence[str]) -> list[str]:
    """Return what to do next; `words` lead into the project's folder, none when it is this one."""
    rows = [(f"cd {' '.join(words)}", "")] if words else []
    if found.wanted:
        rows.append((GET_A_LOCK, "pylock.toml: what is installed, with hashes"))
    if found.are_builds_tracked:
        rows.append((append_command(found.folder, ".gitignore", "_build/"), ""))
    name = changes.release
    rows += [
        ("releaser build", "a release that runs the source tree"),
        (f"_build/{changes.environment}/rel/{name}/bin/{name} foreground", ""),
        ("releaser build --env prod", "what goes elsewhere, and its archive"),
        ("releaser docs start_a_project", "what else a new project needs"),
    ]
    return ["next", *(f"  {command:<31}  {what}".rstrip() for command, what in rows)]


def _told(change: Change, is_dry_run: bool) -> str:
    count = len(change.after.splitlines())
    if change.before is None:
        return f"{'would write' if is_dry_run else 'wrote'} {change.path} ({count} lines)"
    return f"{'would change' if is_dry_run else 'changed'} {change.path}"


def _below(status: str) -> str:
    return f" with a status below {status.removeprefix('<')}" if status else ""
