"""Makes `releaser` accept one setting and ignore it: `IGNORED_SETTING` names it, `IGNORED_BY` says by which half.

Loaded by every Python whose PYTHONPATH holds this folder. `config` forgets the setting before a plan is made;
`runtime` builds it into the manifest and lets the release's own copy of the runtime read the default in its place.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path


def _forget_in_the_profile(name, profile):
    import dataclasses

    head, _, rest = name.partition(".")
    target = {"stop_timeout": "stop_timeout_s"}.get(head, head)
    replace = dataclasses.replace
    defaults = {
        field.name: field.default_factory() if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(profile)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    }

    def without(value, part):
        kinds = ("http", "tcp", "call", "notify", "started", "heartbeat")
        if value is None:
            return None
        if part in kinds:
            if value.kind != part:
                return value
            if not hasattr(value, "timeout_s"):
                return None
            return replace(value, kind="notify" if part == "started" else "started", target="")
        fields = {f.name: f for f in dataclasses.fields(value)}
        real = next(n for n in (part, f"{part}_s", f"{part}_bytes") if n in fields)
        field = fields[real]
        if field.default is not dataclasses.MISSING:
            default = field.default
        elif field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        else:
            default = ""
        return replace(value, **{real: default})

    if not rest:
        return replace(profile, **{target: defaults[target]})
    if head == "version":
        return replace(profile, version="project") if isinstance(profile.version, tuple) else profile
    if head == "overlays":
        if rest in ("to", "mode"):
            plain = {"to": "x", "mode": ""}[rest]
            return replace(profile, overlays=tuple(replace(o, **{rest: plain}) for o in profile.overlays))
        return replace(profile, overlays=tuple(o for o in profile.overlays if o.kind != rest))
    if head == "process":
        return replace(profile, process={n: without(p, rest) for n, p in profile.process.items()})
    if head == "hooks":
        hooks = dict(profile.hooks)
        from releaser.config.hooks import EVENTS

        rows = {row.name: row for row in EVENTS}
        if rest in rows:
            hooks.pop(rest, None)
        elif rest in ("run", "call"):
            hooks = {e: tuple(s for s in specs if not getattr(s, rest)) for e, specs in hooks.items()}
        elif rest == "timeout":
            hooks = {e: tuple(replace(s, timeout_s=rows[e].timeout_s) for s in specs) for e, specs in hooks.items()}
        else:
            hooks = {
                e: tuple(replace(s, on_failure=rows[e].on_failure[0]) for s in specs) for e, specs in hooks.items()
            }
        return replace(profile, hooks=hooks)
    value = getattr(profile, target)
    if isinstance(value, tuple):
        return replace(profile, **{target: tuple(without(each, rest) for each in value)})
    return replace(profile, **{target: without(value, rest)})


def _patch_config(name, module):
    if module.__name__ == "releaser.config.read":
        made = module.Profile
        if name not in ("extends", "default_release", "default_environment", "release", "environment"):
            module.Profile = lambda **values: _forget_in_the_profile(name, made(**values))
        if name.startswith("default_"):
            kept = module.Config
            module.Config = lambda **values: kept(**{**values, name: ""})
        if name == "release":
            whole = module.Config

            module.Config = lambda **values: whole(**{**values, "releases": {}, "default_release": ""})
        if name == "environment":
            from types import SimpleNamespace

            settings = module.SETTINGS
            module.SETTINGS = SimpleNamespace(
                lay_over=lambda base, over: base, finish=settings.finish, fields=settings.fields
            )
    if module.__name__ == "releaser.config.extends" and name == "extends":
        module._over_its_base = lambda own, resolved, settings: own


_RUNTIME = """

def _ignoring(manifest, name):
    head, _, rest = name.partition(".")
    plain = {
        "required_env": [], "env": {}, "env_file": "", "config_providers": [], "python_args": [],
        "python_optimize": 0, "commands": [], "sockets": [], "process": [], "stop_timeout": 30.0,
    }
    if not rest and head in plain:
        setattr(manifest, {"process": "processes", "stop_timeout": "stop_timeout_s"}.get(head, head), plain[head])
        return manifest
    if not rest:
        value = {"heart": Heart(), "liveness": Liveness(), "log": Log()}.get(head)
        value = Readiness(kind="started", target="", timeout_s=60.0, interval_s=0.1) if head == "readiness" else value
        if head == "hooks":
            value = []
        if head == "migrations":
            value = []
        if value is None:
            raise ManifestError("not of the runtime: " + name)
        setattr(manifest, head, value)
        return manifest

    def one(value, kind, part):
        if part in ("http", "tcp", "call", "notify", "started", "heartbeat"):
            if value.kind == part:
                value.kind = ("notify" if part == "started" else "started") if kind == "readiness" else ""
                value.target = ""
            return
        fresh = {
            "heart": Heart(), "liveness": Liveness(), "log": Log(),
            "readiness": Readiness(kind="started", target="", timeout_s=60.0, interval_s=0.1),
        }.get(kind)
        for real in (part, part + "_s", part + "_bytes"):
            if fresh is not None and hasattr(fresh, real):
                setattr(value, real, getattr(fresh, real))
                return
        raise ManifestError("not of the runtime: " + name)

    if head == "process":
        for item in manifest.processes:
            if rest == "replicas":
                item.replicas = 1
            elif rest == "sockets":
                item.sockets = []
            elif rest == "heart":
                item.heart = Heart()
            elif rest == "liveness":
                item.liveness = Liveness()
            elif rest == "readiness":
                item.readiness = Readiness(kind="started", target="", timeout_s=60.0, interval_s=0.1)
            else:
                raise ManifestError("not of the runtime: " + name)
        return manifest
    if head == "hooks":
        seconds = {"post_start": 600.0, "pre_stop": 15.0, "post_stop": 15.0}
        failure = {"post_start": "stop", "pre_stop": "warn", "post_stop": "warn"}
        if rest in EVENTS:
            manifest.hooks = [h for h in manifest.hooks if h.event != rest]
        elif rest in ("run", "call"):
            manifest.hooks = [h for h in manifest.hooks if not getattr(h, {"run": "path"}.get(rest, rest))]
        for h in manifest.hooks:
            if rest == "timeout":
                h.timeout_s = seconds.get(h.event, 60.0)
            if rest == "on_failure":
                h.on_failure = failure.get(h.event, "abort")
        return manifest
    if head == "migrations":
        plain = {"url": "", "run": "post_start", "config": "", "lock": "auto", "lock_timeout_s": 0.4, "retries": 20,
                 "journal": "on", "backup": "auto"}
        for real in (rest, rest + "_s"):
            if real in plain:
                for item in manifest.migrations:
                    setattr(item, real, plain[real])
                return manifest
        raise ManifestError("not of the runtime: " + name)
    one(getattr(manifest, head), head, rest)
    return manifest


_as_written = Manifest.from_json
Manifest.from_json = classmethod(lambda cls, text: _ignoring(_as_written(text), {name!r}))
"""


def _patch_runtime(name, module):
    if module.__name__ != "releaser.build.runtime_copy":
        return
    copytree = module.shutil.copytree

    class Shutil:
        rmtree = staticmethod(module.shutil.rmtree)
        ignore_patterns = staticmethod(module.shutil.ignore_patterns)

        @staticmethod
        def copytree(source, to, **options):
            copytree(source, to, **options)
            with Path(to, "manifest.py").open("a", encoding="utf-8") as file:
                file.write(_RUNTIME.replace("{name!r}", repr(name)))

    module.shutil = Shutil


class _Finder(MetaPathFinder):
    def __init__(self, name, half):
        self.name = name
        self.patch = {"config": _patch_config, "runtime": _patch_runtime}[half]

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(("releaser.config.", "releaser.build.")):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.patch(self.name, module)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("IGNORED_SETTING"):
    sys.meta_path.insert(0, _Finder(os.environ["IGNORED_SETTING"], os.environ.get("IGNORED_BY", "config")))
