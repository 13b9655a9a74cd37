"""Can this be built at all? Every problem that can be seen before anything slow runs, all of them at once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from packaging.version import Version

from releaser.config.profile import MigrationsSpec, Origin, Profile
from releaser.config.settings.python_args import needed_version
from releaser.errors import Problem
from releaser.plan.environment_checks import interpreter_problems, interpreter_warnings, lock_problems, lock_warnings
from releaser.plan.facts import Facts, MigrationsFact, PathFact
from releaser.plan.files.overlays import private_of
from releaser.plan.files.private import PRIVATE
from releaser.plan.places import described_in, origin_of, problem_at
from releaser.plan.tree_checks import tree_problems

_SOCKET = re.compile(r"\{socket\.([^}]*)\}?")
_OF_REVISIONS = (
    "config",
    "lock_timeout_s",
    "statement_timeout_s",
    "retries",
    "journal",
    "backup",
    "targets",
    "lint",
    "lint_ignore",
    "released",
)
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")


def problems_of(profile: Profile, facts: Facts, version: str) -> tuple[Problem, ...]:
    """Return everything that forbids a build, in the order a reader would fix it."""
    return (
        *_project_problems(profile, facts),
        *_version_problems(profile, facts, version),
        *interpreter_problems(profile, facts),
        *_c_library_problems(profile),
        *_python_args_problems(profile, facts),
        *lock_problems(profile, facts),
        *_find_links_problems(profile),
        *_target_problems(profile, facts),
        *tree_problems(profile, facts),
        *_hook_problems(profile, facts),
        *_socket_problems(profile),
        *_command_problems(profile, facts),
        *_plugin_problems(profile, facts),
        *_migration_problems(profile, facts),
    )


def warnings_of(profile: Profile, facts: Facts) -> tuple[Problem, ...]:
    """Return what does not forbid a build, but should be known to whoever asked for it."""
    return (
        *lock_warnings(facts),
        *interpreter_warnings(facts),
        *_shebang_warnings(facts),
        *_private_warnings(profile, facts),
        *_git_warnings(profile, facts),
    )


def _project_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if facts.project is not None:
        return
    origin = origin_of(profile, "project")
    shown = posixpath.normpath(profile.project)
    has_pyproject = (profile.root / profile.project / "pyproject.toml").exists()
    shown = posixpath.normpath(f"{shown}/pyproject.toml") if has_pyproject else shown
    if origin is not None:
        yield origin.problem(f"{shown} is not a project that can be bundled: {facts.project_trouble}")
        return
    yield Problem(
        where=shown if has_pyproject else "",
        what=f"this is not a project that can be bundled: {facts.project_trouble}",
        hint="name the project's folder with 'project' in the release" if shown in (".", "pyproject.toml") else "",
    )


def _version_problems(profile: Profile, facts: Facts, version: str) -> Iterator[Problem]:
    origin = origin_of(profile, "version")
    if not version:
        if facts.version_answer is not None:
            yield problem_at(origin, facts.version_answer.trouble)
        elif profile.version == "git":
            yield problem_at(origin, "the version is git's, but this is no git repository with a commit")
        elif facts.project is not None and facts.project.source:
            yield Problem(
                where=described_in(profile, facts),
                what="the project's version is computed by its build backend, and stands in no file that could be read",
                hint='say version = "git" or a literal in the release',
            )
        elif facts.project is not None:
            what = "the version is the project's, no file of it says one, and this is no git repository with a commit"
            yield problem_at(origin, what, 'say a literal in the release: version = "1.0.0"')
    elif not _FOLDER_NAME.fullmatch(version):
        yield problem_at(origin, f"expected a version of letters, digits and '.+_-', found '{version}'")


def _python_args_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    needed, name = needed_version(profile.python_args)
    if not needed or facts.interpreter is None or Version(facts.interpreter.version) >= Version(needed):
        return
    origin = origin_of(profile, "python_args")
    yield problem_at(origin, f"-X {name} needs Python {needed}, and this build uses {facts.interpreter.full_version}")


def _c_library_problems(profile: Profile) -> Iterator[Problem]:
    if profile.include_libc and profile.include_python is False:
        yield problem_at(
            origin_of(profile, "include_libc"),
            "the C library of a release is for the Python of that release, and include_python is false",
            "include_python = true",
        )


def _find_links_problems(profile: Profile) -> Iterator[Problem]:
    for index, folder in enumerate(profile.find_links):
        if not (profile.root / folder).is_dir():
            yield problem_at(origin_of(profile, f"find_links.{index}"), f"the folder {folder} does not exist")


def _target_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    target = [setting for setting in ("platform", "python_version") if getattr(profile, setting)]
    interpreter = facts.interpreter
    if not target or interpreter is None:
        return
    origin = origin_of(profile, target[0])
    if profile.include_python is not False and interpreter.is_foreign:
        what = f"the Python of a release for another {' and '.join(target)} cannot be copied from this machine"
        yield problem_at(origin, what, "include_python = false")
    if profile.dev_mode and interpreter.is_foreign:
        yield problem_at(origin, "dev_mode runs the source tree on this machine", "leave it out where dev_mode is on")
    if not profile.include_src and not interpreter.compiles:
        what = f"without a Python {interpreter.version} on this machine there is no byte code to ship alone"
        yield problem_at(origin_of(profile, "include_src"), what, f"install Python {interpreter.version}")


def _hook_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for specs in profile.hooks.values():
        for spec in specs:
            if not spec.run:
                continue
            fact = facts.paths[spec.run]
            yield from _file_problems(spec.origin, spec.run, fact)
            if fact.kind == "folder":
                if fact.readable and not fact.entries:
                    yield problem_at(spec.origin, f"the folder {spec.run} holds no hook")
                for entry in fact.entries:
                    name = f"{spec.run.rstrip('/')}/{entry}"
                    if not entry.isprintable():  # in front of each line of its output; a lone surrogate is no text
                        shown = entry.encode("unicode_escape", "replace").decode()
                        yield problem_at(spec.origin, f"a hook's name is printable text, found '{shown}' in {spec.run}")
                        continue
                    yield from _file_problems(spec.origin, name, facts.paths[name])


def _socket_problems(profile: Profile) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for name, address in profile.sockets.items():
        other = names.setdefault(address, name)
        if other != name and not address.endswith(":0"):
            what = f"'{name}' has the address of '{other}', and only one of them can listen there"
            yield problem_at(origin_of(profile, f"sockets.{name}"), what)
    known = ", ".join(profile.sockets)
    for index, name in _sockets_named_in(profile.command):
        if name not in profile.sockets:
            what = f"'{{socket.{name}}}' names no socket of this release"
            example = f'sockets = {{ {name or "web"} = "127.0.0.1:8000" }} adds one'
            yield problem_at(origin_of(profile, f"command.{index}"), what, f"sockets has {known}" if known else example)
    for process, spec in profile.process.items():
        for index, name in _sockets_named_in(spec.command):
            if name not in spec.sockets:
                what = f"'{{socket.{name}}}' names no socket that '{process}' inherits"
                hint = f'sockets = ["{name or "web"}"] in the process lists those of the release'
                yield problem_at(origin_of(profile, f"process.{process}.command.{index}") or spec.origin, what, hint)


def _sockets_named_in(command: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield the name of each socket and the index of the word that names it."""
    for index, word in enumerate(command):
        for name in _SOCKET.findall(word):
            yield index, name


def _command_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for name, path in profile.commands.items():
        if not isinstance(path, str):
            continue  # looked up in the bundle
        origin = origin_of(profile, f"commands.{name}")
        if facts.paths[path].kind == "folder":
            yield problem_at(origin, f"expected a file for the command '{name}', and {path} is a folder")
        else:
            yield from _file_problems(origin, path, facts.paths[path])


def _plugin_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for index, name in enumerate(profile.plugins):
        if not name.endswith(".py"):
            continue
        origin = origin_of(profile, f"plugins.{index}")
        if facts.paths[name].kind == "folder":
            yield problem_at(origin, f"expected a file for a plugin, and {name} is a folder")
        else:
            yield from _file_problems(origin, name, facts.paths[name])


def _file_problems(origin: Origin | None, name: str, fact: PathFact) -> Iterator[Problem]:
    if fact.kind == "missing":
        yield problem_at(origin, f"{name} does not exist")
    elif fact.kind == "other":
        yield problem_at(origin, f"{name} is neither a file nor a folder")
    elif not fact.readable:
        yield problem_at(origin, f"{name} cannot be read")
    elif fact.has_carriage_return:
        yield problem_at(origin, f"{name} has Windows line endings, its first line cannot be run", "save it with LF")


def _migration_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if not profile.migrations:
        for hook in profile.hooks.get("pre_migrate", ()):
            yield problem_at(hook.origin, "there are no migrations that a hook of pre_migrate could run before")
    for spec in profile.migrations:
        if spec.command:
            yield from _migration_command_problems(profile, spec)
            continue
        if spec.check:
            yield _migration_problem(
                profile, spec, "check", "'check' stands beside 'command'; alembic's revisions tell what is pending"
            )
        fact = facts.migrations.get(spec.name, MigrationsFact())
        if fact.folder is None:
            what = f"the script_location '{spec.script_location}' is no folder of the project"
            yield _migration_problem(profile, spec, "script_location", what)
        elif not (fact.folder / "env.py").is_file():
            what = f"the script_location '{spec.script_location}' holds no env.py"
            yield _migration_problem(profile, spec, "script_location", what, "alembic init makes one")
        if fact.config is not None and not fact.config.is_file():
            what = f"the alembic configuration '{spec.config}' does not exist"
            yield _migration_problem(profile, spec, "config", what)


def _migration_problem(profile: Profile, spec: MigrationsSpec, setting: str, what: str, hint: str = "") -> Problem:
    """Return a problem of one setting of a database, where it is written: for this one, or for all that share it."""
    places = (f"migrations.{spec.name}.{setting}", f"migrations.{setting}")
    origin = next((profile.origins[place] for place in places if place in profile.origins), spec.origin)
    return origin.problem(what, hint)


def _migration_command_problems(profile: Profile, spec: MigrationsSpec) -> Iterator[Problem]:
    if not spec.url and spec.lock == "auto":
        yield _migration_problem(
            profile,
            spec,
            "command",
            "a command needs 'url', the database whose lock it is run under",
            'lock = "external" says that something else lets one runner in at a time',
        )
    if spec.run == "check" and not spec.check:
        what = "run = \"check\" needs 'check', which tells whether something is pending"
        yield _migration_problem(profile, spec, "run", what)
    plain = MigrationsSpec(origin=spec.origin)
    for name in _OF_REVISIONS:
        if getattr(spec, name) != getattr(plain, name):
            setting = name.removesuffix("_s")
            what = f"'{setting}' is about alembic's revisions, not a command"
            yield _migration_problem(profile, spec, setting, what)


def _shebang_warnings(facts: Facts) -> Iterator[Problem]:
    for name, fact in facts.paths.items():
        if not fact.shebang_program_found and not fact.has_carriage_return:
            what = f"it is run by '{' '.join(fact.shebang)}', which is not on this machine"
            yield Problem(where=f"{name}:1", what=what)


def _private_warnings(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for specs in profile.hooks.values():
        for spec in specs:
            if spec.run:
                folder = spec.run.rstrip("/")
                for name in facts.paths[spec.run].private:
                    yield Problem(where=f"{folder}/{name}", what=PRIVATE)
    for name in private_of(facts.overlays):
        yield Problem(where=name, what=PRIVATE)


def _says_version(facts: Facts) -> bool:
    return facts.project is None or bool(facts.project.version or facts.project.source)


def _git_warnings(profile: Profile, facts: Facts) -> Iterator[Problem]:
    is_gits = profile.version == "git" or (profile.version == "project" and not _says_version(facts))
    if not is_gits or not facts.git or profile.dev_mode:
        return
    if facts.git.dirty:
        what = f"files are changed since the last commit, so the version is {facts.git.description}"
        yield Problem(where="", what=what)
    if facts.git.hides_tags:
        what = f"the git clone is shallow and holds no tag of this commit, so the version is {facts.git.description}"
        yield problem_at(
            origin_of(profile, "version"), what, "`git fetch --unshallow --tags` gets the rest of the history"
        )
