"""What does a release read in place of a setting that its runtime ignores?

`sitecustomize` puts it into the runtime of a release, as `ignored`, and calls it from the end of `manifest.py`.
"""

from __future__ import annotations

import os

from .manifest import EVENTS, Heart, Liveness, Log, Manifest, Migrations, Readiness

_AT_ONCE = {"url": "", "run": "post_start", "config": ""}
_KINDS = ("http", "tcp", "call", "notify", "started", "heartbeat")


def ignore(setting, hook_defaults, report):
    """Let every manifest that is read be without `setting`.

    `hook_defaults` maps an event to the timeout in seconds and the `on_failure` of a hook that names none. The file
    `report` gets a line for each manifest: whether it holds another value now, or why it could not be changed.
    """
    as_written = Manifest.from_json

    def from_json(cls, text):
        manifest = as_written(text)
        before = manifest.to_dict()
        try:
            _forget(manifest, setting, hook_defaults)
        except Exception as error:
            _note(report, f"broken: {type(error).__name__} {error}")
            raise
        _note(report, "same" if manifest.to_dict() == before else "changed")
        return manifest

    Manifest.from_json = classmethod(from_json)


def _note(report, line):
    descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def _defaults():
    return {
        "heart": Heart(),
        "liveness": Liveness(),
        "log": Log(),
        "readiness": Readiness(kind="started", target="", timeout_s=60.0, interval_s=0.1),
        **{name: [] for name in ("required_env", "config_providers", "python_args", "commands", "sockets")},
        **{name: [] for name in ("process", "hooks", "migrations")},
        "env": {},
        "env_file": "",
        "working_directory": "",
        "python_optimize": 0,
        "stop_timeout": 30.0,
        "drain": 0.0,
    }


def _forget(manifest, setting, hook_defaults):
    head, _, part = setting.partition(".")
    if not part:
        _set(manifest, {"process": "processes"}.get(head, head), _defaults()[head])
    elif head == "process":
        for process in manifest.processes:
            _set(process, part, {"replicas": 1, "sockets": [], **_defaults()}[part])
    elif head == "hooks":
        _forget_in_hooks(manifest, part, hook_defaults)
    elif head == "migrations":
        for record in manifest.migrations:
            _set(record, part, {**Migrations.__init__.__kwdefaults__, **_AT_ONCE}[_field(record, part)])
    elif part in _KINDS:
        watched = getattr(manifest, head)
        if watched.kind == part:
            other = "notify" if part == "started" else "started"
            watched.kind, watched.target = (other if head == "readiness" else ""), ""
    else:
        _set(getattr(manifest, head), part, getattr(_defaults()[head], _field(_defaults()[head], part)))


def _forget_in_hooks(manifest, part, hook_defaults):
    if part in EVENTS:
        manifest.hooks = [hook for hook in manifest.hooks if hook.event != part]
    elif part in ("run", "call"):
        manifest.hooks = [hook for hook in manifest.hooks if not getattr(hook, {"run": "path"}.get(part, part))]
    else:
        which = ("timeout", "on_failure").index(part)
        for hook in manifest.hooks:
            _set(hook, part, hook_defaults[hook.event][which])


def _field(record, part):
    return next(name for name in (part, f"{part}_s", f"{part}_bytes") if name in record.__slots__)


def _set(record, part, value):
    setattr(record, _field(record, part), value)
