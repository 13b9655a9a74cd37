"""What starts what, and in which order? The life of a release, told from its manifest alone."""

from __future__ import annotations

from dataclasses import dataclass

from releaser.runtime.release.manifest import SUCCESS, Entry, Hook, Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of a release's life."""

    name: str
    what: str
    """Who does what; empty for a phase that consists of its hooks."""
    lines: tuple[str, ...] = ()
    """Each thing that is run or set up, in its order."""


def boot_order(manifest: Manifest) -> tuple[Phase, ...]:
    """Return the phases from `bin/NAME foreground` to the end; an event without hooks is left out.

    The order is that of the supervisor's table of states.
    """
    phases = (
        Phase(name="launcher", what=f"bin/{manifest.name} reads env.sh and becomes {_python(manifest)}"),
        Phase(name="supervisor", what="holds the lock, answers on the control socket"),
        _hooks(manifest, "pre_configure"),
        Phase(name="configure", what="completes the environment, binds the sockets", lines=_configuration(manifest)),
        Phase(name="unpack", what=f"{manifest.bundle.file} is unpacked, once for each build"),
        _hooks(manifest, "post_configure"),
        _hooks(manifest, "pre_start"),
        _hooks(manifest, "pre_migrate", "before pending revisions, whoever applies them"),
        Phase(name="instance", what=_instance(manifest), lines=_processes(manifest)),
        Phase(name="ready", what=_readiness(manifest)),
        _hooks(manifest, "post_start"),
        Phase(name="running", what="until SIGTERM, SIGINT or `stop`"),
        _hooks(manifest, "pre_stop"),
        _drain(manifest),
        Phase(name="stop", what=f"SIGTERM to the app, SIGKILL after {manifest.stop_timeout_s:g} s"),
        _hooks(manifest, "post_stop"),
    )
    return tuple(phase for phase in phases if phase.what or phase.lines)


def upgrade_hooks(manifest: Manifest) -> tuple[Phase, ...]:
    """Return the phases that only an upgrade to this version has."""
    found = (_hooks(manifest, "pre_upgrade"), _hooks(manifest, "post_upgrade"))
    return tuple(phase for phase in found if phase.lines)


def hook_text(hook: Hook) -> str:
    """Return a hook in one line."""
    what = f"calls {hook.call}" if hook.call else hook.path
    return f"{hook.name}: {what}, limit {hook.timeout_s:g} s, on failure {hook.on_failure}"


def entry_text(manifest: Manifest) -> str:
    """Return what the instance runs, as one would type it."""
    return _command(manifest.entry)


def _command(entry: Entry) -> str:
    target = f"python -m {entry.target}" if entry.kind == "module" else entry.target
    return " ".join([target, *entry.args])


def _python(manifest: Manifest) -> str:
    python = manifest.python
    return f"the Python in {python.bundled}" if python.bundled else f"a Python {python.version} of the host"


def _hooks(manifest: Manifest, event: str, when: str = "") -> Phase:
    lines = tuple(hook_text(hook) for hook in manifest.hooks_of(event))
    return Phase(name=event, what=when if lines else "", lines=lines)


def _configuration(manifest: Manifest) -> tuple[str, ...]:
    lines: list[str] = []
    if manifest.env_file:
        lines.append(f"env_file {manifest.env_file}")
    lines += [f"config provider {call}" for call in manifest.config_providers]
    if manifest.required_env:
        lines.append(f"required: {', '.join(manifest.required_env)}")
    lines += [f"socket {socket.name} on {socket.address}" for socket in manifest.sockets]
    return tuple(lines)


def _drain(manifest: Manifest) -> Phase:
    what = f"for {manifest.drain_s:g} s answers say Connection: close" if manifest.drain_s else ""
    return Phase(name="drain", what=what)


def _instance(manifest: Manifest) -> str:
    flags = " ".join(manifest.python_args)
    return f"runs {entry_text(manifest)}" + (f" (python {flags})" if flags else "")


def _processes(manifest: Manifest) -> tuple[str, ...]:
    return tuple(
        f"process {process.name}{f' ({process.replicas} times)' if process.replicas != 1 else ''}: "
        f"runs {_command(process.entry)}"
        for process in manifest.processes
    )


def _readiness(manifest: Manifest) -> str:
    readiness = manifest.readiness
    way = {
        "started": "once the entry point is called",
        "notify": "when the app says READY=1",
        "http": f"when {readiness.target} answers",
        "tcp": f"when {readiness.target} accepts a connection",
        "call": f"when {readiness.target} returns true",
    }[readiness.kind]
    if readiness.kind == "http" and readiness.status != SUCCESS:
        way += f" with {readiness.status}"
    stay = f", and is up {readiness.stay_up_s:g} s later" if readiness.stay_up_s else ""
    return f"{way}, within {readiness.timeout_s:g} s{stay}"
