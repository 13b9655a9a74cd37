"""The commands that tell about a release without running anything: describe and version."""

from __future__ import annotations

import os

from ..release.failures import DONE, USAGE, Failure
from ..release.variables import environment
from ..supervisor.hooks.hook import format_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context
    from ..release.manifest import Manifest

MASK = "(hidden)"


def version(context: Context, args: list[str]) -> int:
    """Print the version that `foreground` boots."""
    _nothing_else(context, "version", args)
    print(context.layout.version)
    return DONE


def describe(context: Context, args: list[str]) -> int:
    """Print what this release is, what it runs and when, and the variables it gives to hooks; secrets are masked."""
    _nothing_else(context, "describe", args)
    manifest = context.manifest
    for title, lines in (
        (f"{manifest.name} {manifest.version} ({manifest.environment})", _identity(context, manifest)),
        ("hooks, in the order they run", _hooks(manifest)),
        ("commands of this release", [_pair(item.name, item.summary) for item in manifest.commands]),
        ("settings", _settings(context, manifest)),
        ("variables that hooks and commands get", [_pair(name, text) for name, text in environment.CONTRACT]),
    ):
        if lines:
            print(title)
            for line in lines:
                print(f"  {line}")
    return DONE


def _identity(context: Context, manifest: Manifest) -> list[str]:
    python = manifest.python
    where = f"bundled, {python.bundled}" if python.bundled else "of the host"
    started = " ".join([manifest.entry.target, *manifest.entry.args])
    lines = [
        _pair("root", context.layout.root),
        _pair("var", context.layout.var),
        _pair("python", f"{python.version} ({where}), {python.platform}"),
        *([_pair("glibc", f"{python.glibc} or newer")] if python.glibc else []),
        _pair("runs", f"{started} ({manifest.entry.kind})"),
        _pair("bundle", f"{manifest.bundle.file}, {manifest.bundle.id[:16]}"),
    ]
    lines += [_pair("source", path) for path in manifest.bundle.source_paths]
    lines += [_pair(key, value) for key, value in manifest.inputs.items()]
    return lines


def _hooks(manifest: Manifest) -> list[str]:
    lines: list[str] = []
    for hook in manifest.hooks:
        name = f"{hook.event} {hook.name}"
        rule = f"limit {format_seconds(hook.timeout_s)}, on failure {hook.on_failure}"
        if hook.summary:
            lines += [_pair(name, hook.summary), _pair("", rule)]
        else:
            lines.append(_pair(name, f"{hook.call or hook.path}, {rule}"))
    return lines


def _settings(context: Context, manifest: Manifest) -> list[str]:
    readiness = manifest.readiness
    lines = [
        _pair("readiness", f"{readiness.kind} {readiness.target}".strip() + f", {format_seconds(readiness.timeout_s)}"),
        _pair("stop_timeout", format_seconds(manifest.stop_timeout_s)),
    ]
    if manifest.drain_s:
        lines.append(_pair("drain", format_seconds(manifest.drain_s)))
    lines += [_pair(f"sockets.{item.name}", item.address) for item in manifest.sockets]
    for item in manifest.migrations:
        name = "migrations" if item.name == "default" else f"migrations.{item.name}"
        what = "by a command" if item.command is not None else f"head {', '.join(item.heads) or 'read at start'}"
        lines.append(_pair(name, f"{item.run}, {what}"))
    for name, value in manifest.env.items():
        shown = context.environ.get(name, value)
        lines.append(_pair(f"env.{name}", MASK if environment.is_secret(name) else shown))
    settings = context.layout.env_file
    if os.path.exists(settings) and not os.access(settings, os.R_OK):
        lines.append(_pair("env.sh", f"{settings}: permission denied; what it sets is not known to this user"))
    from_file, told = _env_file(context)
    lines += told
    lines += [_pair("config_providers", target) for target in manifest.config_providers]
    if manifest.python_args:
        lines.append(_pair("python_args", " ".join(manifest.python_args)))
    if manifest.python_optimize:
        lines.append(_pair("python_optimize", str(manifest.python_optimize)))
    for name in manifest.required_env:
        lines.append(_pair(f"required {name}", _is_set(context, name, from_file)))
    return lines


def _is_set(context: Context, name: str, from_file: dict[str, str]) -> str:
    if context.environ.get(name) or from_file.get(name) or context.manifest.env.get(name):
        return "set"
    return "not set, unless a config provider does" if context.manifest.config_providers else "not set"


def _env_file(context: Context) -> tuple[dict[str, str], list[str]]:
    """Return the variables of this host's file, and how it is told; a missing or wrong one is told, and no error."""
    from ..release.variables import env_file

    if not context.manifest.env_file:
        return {}, []
    try:
        path = env_file.path_of(context, context.environ)
        found = env_file.read(context, context.environ)
    except Failure as failure:
        return {}, [_pair("env_file", failure.message)]
    lines = [_pair("env_file", path if os.path.exists(path) else f"{path} (not there, and may be missing)")]
    for name, value in found.items():
        shown = value if name not in context.environ else f"{context.environ[name]} (the caller's)"
        lines.append(_pair(f"  {name}", MASK if environment.is_secret(name) else shown))
    return found, lines


def _pair(name: str, value: str) -> str:
    return f"{name:24} {value}".rstrip()


def _nothing_else(context: Context, command: str, args: list[str]) -> None:
    if args:
        raise Failure(
            f"expected `{context.name} {command}`, found '{' '.join(args)}' behind it", USAGE, now="nothing was done"
        )
