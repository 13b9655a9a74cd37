"""How do the files read that `releaser init` writes? Annotated, and right as they are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from releaser.config.explain import as_toml
from releaser.init.choices import Choices
from releaser.init.tree import Step

DEV = """\
# The source tree itself runs: an edit is there at the next start, without a build.
[environment.dev]
dev_mode = true
"""
PROD = """\
# What goes to other machines.
[environment.prod]
include_python = true                   # nothing has to be installed there; false: the Python on PATH
include_src = true                      # false ships byte code only
"""
PRE_START = """\
#!/bin/sh
# Before the app is started: refuses to start where it could not write. If this fails, nothing starts.
# Any language will do; `bin/{name} describe` lists the variables that hooks get.
set -eu

mkdir -p "$RELEASE_VAR"
if ! [ -w "$RELEASE_VAR" ]; then
    echo "$RELEASE_VAR cannot be written to by $(id -un 2>/dev/null || id -u)" >&2
    exit 1
fi
"""
POST_START = """\
#!/bin/sh
# Once the app is ready{migrated}. If this fails, the release stops.
# It runs in the root of the release, so the app can be asked:
#
#   bin/{name} rpc MODULE:FUNCTION
set -eu

echo "$RELEASE_NAME $RELEASE_VERSION is ready ($RELEASE_ENVIRONMENT, pid $RELEASE_PID)"
"""


def config_text(choices: Choices) -> str:
    """Return the whole `rel/config.toml`."""
    return "\n".join([_HEAD.format(name=choices.name), release_text(choices), DEV, PROD])


def release_text(choices: Choices) -> str:
    """Return the tables of the release."""
    tables = ["\n".join(_release_lines(choices)), _HOOKS.format(name=choices.name)]
    tables += [
        _PROCESS.format(name=choices.name, process=process, command=as_toml(list(command)))
        for process, command in choices.processes.items()
    ]
    tables += [_step_text(choices.name, step) for step in choices.steps]
    if choices.script_location:
        tables.append(migrations_text(choices.name, choices))
    return "\n".join(tables)


def migrations_text(name: str, choices: Choices) -> str:
    """Return the table of the migrations, for the release `name`."""
    run = _RUN[choices.migrations_run].format(name=name)
    return _MIGRATIONS.format(name=name, location=as_toml(choices.script_location), run=run)


def hooks(choices: Choices) -> dict[str, str]:
    """Return the hooks' files, by path."""
    is_migrated = bool(choices.script_location) and choices.migrations_run == "post_start"
    migrated = ", and the migrations are done" if is_migrated else ""
    return {
        "rel/hooks/pre_start": PRE_START.format(name=choices.name) + _task_text(choices.task),
        "rel/hooks/post_start": POST_START.format(name=choices.name, migrated=migrated),
    }


def _task_text(task: tuple[str, ...]) -> str:
    """Return the lines that run a command of the bundle; nothing for none."""
    if not task:
        return ""
    is_module = task[:2] == ("python", "-m")
    name, *words = task[2:] if is_module else task
    if is_module:
        code = f"import runpy, sys; sys.argv = {[name, *words]!r}; runpy.run_module({name!r}, run_name='__main__')"
    else:
        code = (
            f"import sys; from importlib.metadata import entry_points; sys.argv = {[name, *words]!r}; "
            f"sys.exit(next(iter(entry_points(group='console_scripts', name={name!r}))).load()())"
        )
    return f'\n# The release task of the Procfile: {" ".join(task)}\n"$RELEASE_PROG" eval {shlex.quote(code)}\n'


_HEAD = """\
# How this project is released.
#
#   releaser build                      builds for development, and says how to run it
#   releaser build --env prod           builds what goes elsewhere, and an archive of it
#   releaser docs config                every setting; `releaser config` shows what holds
#
# Paths start at the folder that holds rel/.

default_release = "{name}"
default_environment = "dev"
"""
_HOOKS = """\
# Programs in any language, run at events of the release's life.
[release.{name}.hooks]
pre_start = "rel/hooks/pre_start"       # fails: nothing starts
post_start = "rel/hooks/post_start"     # fails: the release stops
"""
_PROCESS = """\
# Runs beside it, under the same supervisor; the release is ready when all of its processes are.
[release.{name}.process.{process}]
command = {command}
heart = true                            # a crash is answered by a restart
"""
_MIGRATIONS = """\
# The alembic scripts, carried in the release and checked when it is built.
[release.{name}.migrations]
script_location = {location}
{run}
"""
_RUN = {
    "post_start": 'run = "post_start"                      # once the app is ready; or "pre_start", '
    'or "manual": bin/{name} migrate',
    "pre_start": 'run = "pre_start"                       # as the Procfile has it; or "post_start": once it is ready',
    "manual": "# By `bin/{name} migrate`: alembic.ini still has the URL that `alembic init` wrote. Once it has a real\n"
    '# one, or `url` names one here, "post_start" does it by itself, when the app is ready.\n'
    'run = "manual"',
}


_VERSION = {
    "project": 'version = "project"                     # pyproject.toml\'s; or "git", or a literal such as "1.4.0"',
    "git": 'version = "git"                         # `git describe`: no file says the version; or a literal: "1.4.0"',
    "": 'version = "0.1.0"                       # no file of the project says it; "git" is what `git describe` says',
}


def _release_lines(choices: Choices) -> Iterator[str]:
    yield f"[release.{choices.name}]"
    yield _VERSION.get(choices.version, _VERSION[""])
    if choices.lock:
        yield f"lock = {as_toml(choices.lock)}  # what the Dockerfile installs"
    for setting, names in (("extras", choices.extras), ("groups", choices.groups)):
        if names:
            yield f"{setting} = {as_toml(list(names))}  # which alone has the server"
    yield ""
    yield f"# What runs, from {choices.reason}."
    if choices.entry_point:
        yield f"entry_point = {as_toml(choices.entry_point)}"
    else:
        yield f"command = {as_toml(list(choices.command))}"
    yield ""
    yield "# Variables that must be set, checked before anything starts."
    yield f"required_env = {as_toml(list(choices.required_env))}"
    if choices.suggested_env:
        yield f"# The sources read {', '.join(choices.suggested_env)}."
    yield ""
    yield "# Defaults for what the host does not set. No secrets: they would be in the archive."
    listed = ", ".join(f"{name} = {as_toml(value.replace('$', '$$'))}" for name, value in choices.env.items())
    yield f"env = {{ {listed} }}" if listed else "env = {}"
    yield ""
    yield from _tree_lines(choices)
    if choices.copied:
        yield "# Files that what runs is told of; they lie in releases/VERSION/share."
        copies = (f"{{ copy = {as_toml(name)}, to = {as_toml(f'share/{name}')} }}" for name in choices.copied)
        yield f"overlays = [{', '.join(copies)}]"
        yield ""
    if choices.socket:
        yield "# Opened before the app exists and inherited by it: the port is never closed while it restarts."
        yield f"sockets = {{ web = {as_toml(choices.socket)} }}"
        yield ""
    yield "# How the release knows that the app is ready."
    yield _readiness(choices)
    yield ""
    yield "# From SIGTERM until the app is killed: longer than its slowest request."
    yield 'stop_timeout = "30s"'
    yield ""


def _tree_lines(choices: Choices) -> Iterator[str]:
    if choices.layout:
        yield "# What runs lies beside the project's wheel: the app is its folder, as it lies."
        yield f"layout = {as_toml(choices.layout)}"
        yield ""
    if choices.reads:
        yield f"# The code names {', '.join(choices.reads)}, beside the package: the project's files go along."
        yield "include_tree = true"
        yield ""
    if choices.shared:
        yield "# What the app writes among its files: kept in var/shared, for every version."
        yield f"shared = {as_toml(list(choices.shared))}"
        yield ""


def _step_text(name: str, step: Step) -> str:
    """Return the table of a step."""
    lines = [f"# Run by each build: {step.reason}.", f"[[release.{name}.steps]]", f"run = {as_toml(step.run)}"]
    if step.when != "after":
        lines.append(f"when = {as_toml(step.when)}")
    if step.env:
        listed = ", ".join(f"{key} = {as_toml(value)}" for key, value in step.env.items())
        lines.append(f"env = {{ {listed} }}  # for the build alone")
    return "\n".join(lines) + "\n"


def _readiness(choices: Choices) -> str:
    match choices.readiness:
        case "http":
            return f'readiness = {{ http = {as_toml(f"http://{choices.address}{choices.health}")}, timeout = "60s" }}'
        case "tcp":
            return f'readiness = {{ tcp = {as_toml(choices.address)}, timeout = "60s" }}'
        case _:
            return 'readiness = "started"                   # it is called; or "notify", { http = ... }, { tcp = ... }'
