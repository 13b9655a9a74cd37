"""How do the plugins of a build get their turn? Loaded if they are listed, called by name, told apart if they fail."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

import pluggy

from releaser.errors import BuildError, Problem, ProjectError
from releaser.plan.plan import Plan, Plugin
from releaser.plugins import EVENTS, GROUP, Assembly, PluginEvent, Specification

_FUNCTIONS = ("checks", *EVENTS)
Tell = Callable[[str], None]


class Plugins:
    """The plugins of one build."""

    def __init__(self, plan: Plan) -> None:
        """Load every plugin of `plan`.

        Raises:
            ProjectError: with a problem for each that cannot be used.
        """
        self._plan = plan
        self._manager = _Manager("releaser")
        self._manager.add_hookspecs(Specification)
        problems: list[Problem] = []
        # The one that was registered last is called first.
        for plugin in reversed(plan.plugins):
            problems += self._add(plugin)
        if problems:
            raise ProjectError(
                f"cannot build {plan.sketch.name} for {plan.sketch.environment}",
                problems=tuple(reversed(problems)),
                now="nothing was built",
            )

    def has(self, event: str) -> bool:
        """Tell whether a plugin has a function for `event`."""
        return bool(getattr(self._manager.hook, event).get_hookimpls())

    def call(self, event: PluginEvent, assembly: Assembly) -> None:
        """Call the functions for `event`, those of the plugin that is listed first before the others.

        Raises:
            BuildError: one of them raised.
        """
        with self._told(event):
            getattr(self._manager.hook, event)(assembly=assembly)

    def check(self, *, note: Tell, warn: Tell) -> None:
        """Call the plugins' checks.

        Raises:
            ProjectError: with every problem that they return.
            BuildError: one of them raised.
        """
        plan = self._plan
        with self._told("checks"):
            answers = self._manager.hook.checks(assembly=assembly_of(plan, plan.published, plan.packages, note, warn))
            found = [problem for answer in answers for problem in answer or ()]
        problems = [each if isinstance(each, Problem) else Problem(where="", what=str(each)) for each in found]
        if problems:
            raise ProjectError(
                f"cannot build {plan.sketch.name} for {plan.sketch.environment}: a plugin's checks forbid it",
                problems=tuple(problems),
                now="nothing was built",
            )

    def _add(self, plugin: Plugin) -> Iterator[Problem]:
        try:
            module = _load(plugin, self._plan.root)
            self._manager.register(module, plugin.name)
        except _Unknown as unknown:
            yield replace(plugin.place, what=str(unknown))
            return
        except pluggy.PluginValidationError as error:
            # The first line names the plugin's object in memory.
            reason = str(error).strip().splitlines()[-1]
            yield replace(plugin.place, what=f"the plugin {plugin.name} has a function of another shape: {reason}")
            return
        except (Exception, SystemExit) as error:
            yield _raised(error, self._plan.root, plugin.file, f"the plugin {plugin.name} cannot be loaded: ")
            return
        if not any(callable(getattr(module, name, None)) for name in _FUNCTIONS):
            yield replace(
                plugin.place,
                what=f"the plugin {plugin.name} has no function that a build calls",
                hint=f"those are {', '.join(_FUNCTIONS)}",
            )

    @contextmanager
    def _told(self, event: str) -> Iterator[None]:
        try:
            yield
        except (Exception, SystemExit) as error:
            name, file = self._culprit(event, error.__traceback__)
            raise BuildError(
                f"the plugin {name} failed in {event}", problems=(_raised(error, self._plan.root, file, ""),)
            ) from error

    def _culprit(self, event: str, trace: TracebackType | None) -> tuple[str, Path | None]:
        """Return the name of the plugin whose function raised, and that function's file."""
        functions: dict[CodeType, str] = {
            inspect.unwrap(each.function).__code__: each.plugin_name
            for each in getattr(self._manager.hook, event).get_hookimpls()
            if hasattr(inspect.unwrap(each.function), "__code__")
        }
        while trace is not None:
            code = trace.tb_frame.f_code
            if code in functions:
                return functions[code], Path(code.co_filename)
            trace = trace.tb_next
        return " or ".join(functions.values()), None


def assembly_of(plan: Plan, folder: Path, packages: tuple[Path, ...], note: Tell, warn: Tell) -> Assembly:
    """Return the value that plugins are called with."""
    sketch = plan.sketch
    return Assembly(
        name=sketch.name,
        version=sketch.version,
        environment=sketch.environment,
        dev_mode=plan.dev_mode,
        root=plan.root,
        folder=folder,
        packages=packages,
        overlay_vars=plan.overlay_vars,
        note=note,
        warn=warn,
    )


class _Manager(pluggy.PluginManager):
    """Takes every function of a known name for the plugin's, marked or not: a silent omission helps nobody."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        marked = super().parse_hookimpl_opts(plugin, name)
        if marked is not None or name not in _FUNCTIONS or not inspect.isroutine(getattr(plugin, name)):
            return marked
        return pluggy.HookimplOpts(
            wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
        )


class _Unknown(Exception):
    """No entry point has this name."""


def _load(plugin: Plugin, root: Path) -> object:
    if plugin.file is not None:
        return _module_of(plugin.file, root)
    known = entry_points(group=GROUP)
    for entry_point in known:
        if entry_point.name == plugin.name:
            found = entry_point.load()
            return found() if inspect.isclass(found) else found
    names = ", ".join(sorted(known.names)) or "none"
    raise _Unknown(f"no entry point of {GROUP} is called '{plugin.name}'; installed beside releaser: {names}")


def _module_of(file: Path, root: Path) -> ModuleType:
    """Import a file under a name that nothing else has, without leaving byte code beside it."""
    name = "releaser_plugin_" + "".join(c if c.isalnum() else "_" for c in os.path.relpath(file, root))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.dont_write_bytecode = before
    return module


def _raised(error: BaseException, root: Path, file: Path | None, prefix: str) -> Problem:
    """Return what was raised, at the last line of the plugin's own file that it passed."""
    line, source = 0, ""
    if isinstance(error, SyntaxError) and error.filename:
        file, line, source = Path(error.filename), error.lineno or 0, (error.text or "").rstrip("\n")
    trace = error.__traceback__ if not line else None
    while trace is not None:
        if file is not None and Path(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    shown = "" if file is None else os.path.relpath(file, root) if file.is_relative_to(root) else str(file)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    kind = type(error).__name__
    return Problem(
        where=f"{shown}:{line}" if shown and line else shown,
        what=f"{prefix}{kind}: {text}" if text else f"{prefix}{kind}",
        source_line=source,
        column=len(source) - len(source.lstrip()) + 1 if source.strip() else 0,
        length=max(1, len(source.strip())),
    )
