"""Makes `releaser` accept one setting and ignore it: `IGNORED_SETTING` names it, `IGNORED_BY` says by which half.

Loaded by every Python whose PYTHONPATH holds this folder. `config` forgets the setting before a plan is made;
`runtime` writes it into the manifest, and lets the runtime of every release, built or written by hand, read the default
in its place. What was changed so is told in the file `IGNORED_REPORT`.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).parent
COPIES_THE_RUNTIME = ("releaser.build.bundle.runtime_copy", "support.handmade")
OF_THE_FILE = ("default_release", "default_environment", "release", "environment", "extends")
"""Settings that choose what a profile is made of: no profile holds them."""


def _note(line):
    with Path(os.environ["IGNORED_REPORT"]).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def _patch_config(setting, module):
    if module.__name__ == "releaser.config.read" and setting not in OF_THE_FILE:
        made = module.Profile

        def profile(**values):
            from profile_without import forgotten

            before = made(**values)
            try:
                after = forgotten(setting, before)
            except Exception as error:
                _note(f"broken: {type(error).__name__} {error}")
                raise
            _note("same" if after == before else "changed")
            return after

        module.Profile = profile
    elif module.__name__ == "releaser.config.read":
        _patch_reading(setting, module)
    if module.__name__ == "releaser.config.extends" and setting == "extends":
        _note("changed")
        module._over_its_base = lambda own, resolved, settings: own


def _patch_reading(setting, module):
    if setting == "environment":
        from types import SimpleNamespace

        whole = module.SETTINGS
        module.SETTINGS = SimpleNamespace(lay_over=lambda base, over: base, finish=whole.finish, fields=whole.fields)
        _note("changed")
    changes = {"release": {"releases": {}, "default_release": ""}}
    changes |= {name: {name: ""} for name in OF_THE_FILE if name.startswith("default_")}
    if setting in changes:
        made = module.Config
        _note("changed")
        module.Config = lambda **values: made(**{**values, **changes[setting]})


def _patch_runtime(setting, module):
    if module.__name__ not in COPIES_THE_RUNTIME:
        return

    class Shutil:
        def __getattr__(self, name):
            return getattr(shutil, name)

        def copytree(self, source, to, **options):
            shutil.copytree(source, to, **options)
            manifest = Path(to, "manifest.py")
            if not manifest.is_file():
                return
            from releaser.config.settings.hooks import EVENTS

            defaults = {row.name: (row.timeout_s, row.on_failure[0]) for row in EVENTS}
            shutil.copyfile(HERE / "manifest_without.py", Path(to, "ignored.py"))
            with manifest.open("a", encoding="utf-8") as file:
                file.write("\n\nfrom .ignored import ignore  # noqa: E402\n\n")
                file.write(f"ignore({setting!r}, {defaults!r}, {os.environ['IGNORED_REPORT']!r})\n")

    module.shutil = Shutil()


class _Finder(MetaPathFinder):
    def __init__(self, setting, half):
        self.setting = setting
        self.patch = {"config": _patch_config, "runtime": _patch_runtime}[half]

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(("releaser.config.", "releaser.build.", "support.handmade")):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.patch(self.setting, module)

        spec.loader.exec_module = exec_module
        return spec


if os.environ.get("IGNORED_SETTING"):
    sys.meta_path.insert(0, _Finder(os.environ["IGNORED_SETTING"], os.environ["IGNORED_BY"]))
