"""Can this be built at all? Every problem that can be seen before anything slow runs, all of them at once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from releaser.config.profile import MigrationsSpec, Origin, Profile
from releaser.config.settings.python_args import needed_version
from releaser.errors import Problem
from releaser.plan.facts import Facts, MigrationsFact, PathFact
from releaser.plan.files.overlays import private_of
from releaser.plan.files.private import PRIVATE

GET_A_LOCK = "uv pip compile --generate-hashes pyproject.toml -o requirements.txt"
GET_A_LOCK_WITH_PIP = "pip-compile --generate-hashes -o requirements.txt pyproject.toml"
_SOCKET = re.compile(r"\{socket\.([^}]*)\}?")
_PLUGIN = {"poetry": " and its plugin poetry-plugin-export"}
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
        *_interpreter_problems(profile, facts),
        *_c_library_problems(profile),
        *_python_args_problems(profile, facts),
        *_lock_problems(profile, facts),
        *_find_links_problems(profile),
        *_target_problems(profile, facts),
        *_hook_problems(profile, facts),
        *_socket_problems(profile),
        *_command_problems(profile, facts),
        *_plugin_problems(profile, facts),
        *_migration_problems(profile, facts),
    )


def warnings_of(profile: Profile, facts: Facts) -> tuple[Problem, ...]:
    """Return what does not forbid a build, but should be known to whoever asked for it."""
    return (
        *_lock_warnings(facts),
        *_shebang_warnings(facts),
        *_private_warnings(profile, facts),
        *_git_warnings(profile, facts),
    )


def take_over(requirements: str) -> str:
    """Return the command that makes a list of requirements the project's dependencies, with a lock of them."""
    return f"uv add -r {requirements}"


def place_of(profile: Profile, setting: str) -> Problem:
    """Return a problem that says only where `setting` was written; a step that finds one there adds what it is."""
    return _problem(_origin_of(profile, setting), "")


def _origin_of(profile: Profile, setting: str) -> Origin | None:
    while setting:
        if setting in profile.origins:
            return profile.origins[setting]
        setting = setting.rpartition(".")[0]
    return None


def _problem(origin: Origin | None, what: str, hint: str = "") -> Problem:
    return origin.problem(what, hint) if origin else Problem(where="", what=what, hint=hint)


def _project_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if facts.project is not None:
        return
    origin = _origin_of(profile, "project")
    shown = _pyproject(profile)
    if origin is not None:
        yield origin.problem(f"{shown} is not a project that can be bundled: {facts.project_trouble}")
        return
    yield Problem(
        where=shown,
        what=f"this is not a project that can be bundled: {facts.project_trouble}",
        hint="name the project's folder with 'project' in the release" if shown == "pyproject.toml" else "",
    )


def _pyproject(profile: Profile) -> str:
    """Return the path of the project's `pyproject.toml` as people see it."""
    return posixpath.normpath(f"{profile.project}/pyproject.toml")


def _version_problems(profile: Profile, facts: Facts, version: str) -> Iterator[Problem]:
    origin = _origin_of(profile, "version")
    if not version:
        if facts.version_answer is not None:
            yield _problem(origin, facts.version_answer.trouble)
        elif profile.version == "git":
            yield _problem(origin, "the version is git's, but this is no git repository with a commit")
        elif facts.project is not None:
            yield Problem(
                where=_pyproject(profile),
                what="the project's version is computed by its build backend, and stands in no file that could be read",
                hint='say version = "git" or a literal in the release',
            )
    elif not _FOLDER_NAME.fullmatch(version):
        yield _problem(origin, f"expected a version of letters, digits and '.+_-', found '{version}'")


def _interpreter_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if facts.interpreter is None:
        origin = _origin_of(profile, "include_python")
        yield _problem(
            origin,
            f"no Python runs there: wanted {profile.include_python}/bin/python3, with all of its standard library",
            "that of Debian's and Ubuntu's python3-minimal alone is not enough",
        )
        return
    wanted = facts.project.requires_python if facts.project else ""
    try:
        fits = not wanted or SpecifierSet(wanted).contains(facts.interpreter.full_version, prereleases=True)
    except InvalidSpecifier:
        yield Problem(where=_pyproject(profile), key="project.requires-python", what=f"'{wanted}' is no version range")
        return
    if not fits:
        yield Problem(
            where=_pyproject(profile),
            key="project.requires-python",
            what=f"the project needs Python {wanted}, and this build uses {facts.interpreter.full_version}",
            hint="run releaser with another Python, or name one with 'include_python'",
        )


def _python_args_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    needed, name = needed_version(profile.python_args)
    if not needed or facts.interpreter is None or Version(facts.interpreter.version) >= Version(needed):
        return
    origin = _origin_of(profile, "python_args")
    yield _problem(origin, f"-X {name} needs Python {needed}, and this build uses {facts.interpreter.full_version}")


def _c_library_problems(profile: Profile) -> Iterator[Problem]:
    if profile.include_libc and profile.include_python is False:
        yield _problem(
            _origin_of(profile, "include_libc"),
            "the C library of a release is for the Python of that release, and include_python is false",
            "include_python = true",
        )


def _lock_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    lock = facts.lock
    if lock is None:
        if facts.unusable_lock and profile.lock:
            what = f"{facts.unusable_lock.shown} cannot be used: {facts.unusable_lock.why}"
            yield _problem(_origin_of(profile, "lock"), what)
        elif facts.unusable_lock:
            what = f"this lock cannot be used: {facts.unusable_lock.why}"
            yield Problem(where=facts.unusable_lock.shown, what=what)
        elif profile.lock:
            yield _problem(_origin_of(profile, "lock"), f"the file {profile.lock} does not exist")
        return
    if lock.kind in ("poetry", "pdm") and not lock.exporter:
        yield Problem(
            where=lock.shown,
            what=f"only {lock.kind} reads this lock, and it is not installed",
            hint=f"install {lock.kind}{_PLUGIN.get(lock.kind, '')}, or {GET_A_LOCK}",
        )
    for setting, names in (("extras", profile.extras), ("groups", profile.groups)):
        if names and lock.kind in ("requirements", "pylock"):
            what = f"{lock.shown} holds what it was locked with, and knows of no {setting}"
            yield _problem(
                _origin_of(profile, setting), what, f"lock them into {lock.shown}, and leave '{setting}' out"
            )
        absent = [name for name in names if canonicalize_name(name) not in lock.groups] if lock.groups else []
        if absent:
            what = f"{lock.shown} was made without {', '.join(absent)}"
            yield _problem(_origin_of(profile, setting), what, "pdm lock --group :all")
    if lock.unhashed_lines:
        count = len(lock.unhashed_lines)
        is_the_only_list = facts.project is not None and not facts.project.has_dependencies
        yield Problem(
            where=f"{lock.shown}:{lock.unhashed_lines[0]}",
            what=f"{count} {'requirement has' if count == 1 else 'requirements have'} no hash",
            hint=f"{take_over(lock.shown)} makes them dependencies of the project, and locks them"
            if is_the_only_list
            else f"{GET_A_LOCK}, or {GET_A_LOCK_WITH_PIP}",
        )


def _find_links_problems(profile: Profile) -> Iterator[Problem]:
    for index, folder in enumerate(profile.find_links):
        if not (profile.root / folder).is_dir():
            yield _problem(_origin_of(profile, f"find_links.{index}"), f"the folder {folder} does not exist")


def _target_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    target = [setting for setting in ("platform", "python_version") if getattr(profile, setting)]
    interpreter = facts.interpreter
    if not target or interpreter is None:
        return
    origin = _origin_of(profile, target[0])
    if profile.include_python is not False:
        what = f"the Python of a release for another {' and '.join(target)} cannot be copied from this machine"
        yield _problem(origin, what, "include_python = false")
    if profile.dev_mode and interpreter.is_foreign:
        yield _problem(origin, "dev_mode runs the source tree on this machine", "leave it out where dev_mode is on")
    if not profile.include_src and not interpreter.compiles:
        what = f"without a Python {interpreter.version} on this machine there is no byte code to ship alone"
        yield _problem(_origin_of(profile, "include_src"), what, f"install Python {interpreter.version}")


def _hook_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for specs in profile.hooks.values():
        for spec in specs:
            if not spec.run:
                continue
            fact = facts.paths[spec.run]
            yield from _file_problems(spec.origin, spec.run, fact)
            if fact.kind == "folder":
                if fact.readable and not fact.entries:
                    yield _problem(spec.origin, f"the folder {spec.run} holds no hook")
                for entry in fact.entries:
                    name = f"{spec.run.rstrip('/')}/{entry}"
                    if not entry.isprintable():  # in front of each line of its output; a lone surrogate is no text
                        shown = entry.encode("unicode_escape", "replace").decode()
                        yield _problem(spec.origin, f"a hook's name is printable text, found '{shown}' in {spec.run}")
                        continue
                    yield from _file_problems(spec.origin, name, facts.paths[name])


def _socket_problems(profile: Profile) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for name, address in profile.sockets.items():
        other = names.setdefault(address, name)
        if other != name and not address.endswith(":0"):
            what = f"'{name}' has the address of '{other}', and only one of them can listen there"
            yield _problem(_origin_of(profile, f"sockets.{name}"), what)
    known = ", ".join(profile.sockets)
    for index, name in _sockets_named_in(profile.command):
        if name not in profile.sockets:
            what = f"'{{socket.{name}}}' names no socket of this release"
            example = f'sockets = {{ {name or "web"} = "127.0.0.1:8000" }} adds one'
            yield _problem(_origin_of(profile, f"command.{index}"), what, f"sockets has {known}" if known else example)
    for process, spec in profile.process.items():
        for index, name in _sockets_named_in(spec.command):
            if name not in spec.sockets:
                what = f"'{{socket.{name}}}' names no socket that '{process}' inherits"
                hint = f'sockets = ["{name or "web"}"] in the process lists those of the release'
                yield _problem(_origin_of(profile, f"process.{process}.command.{index}") or spec.origin, what, hint)


def _sockets_named_in(command: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield the name of each socket and the index of the word that names it."""
    for index, word in enumerate(command):
        for name in _SOCKET.findall(word):
            yield index, name


def _command_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for name, path in profile.commands.items():
        origin = _origin_of(profile, f"commands.{name}")
        if facts.paths[path].kind == "folder":
            yield _problem(origin, f"expected a file for the command '{name}', and {path} is a folder")
        else:
            yield from _file_problems(origin, path, facts.paths[path])


def _plugin_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    for index, name in enumerate(profile.plugins):
        if not name.endswith(".py"):
            continue
        origin = _origin_of(profile, f"plugins.{index}")
        if facts.paths[name].kind == "folder":
            yield _problem(origin, f"expected a file for a plugin, and {name} is a folder")
        else:
            yield from _file_problems(origin, name, facts.paths[name])


def _file_problems(origin: Origin | None, name: str, fact: PathFact) -> Iterator[Problem]:
    if fact.kind == "missing":
        yield _problem(origin, f"{name} does not exist")
    elif fact.kind == "other":
        yield _problem(origin, f"{name} is neither a file nor a folder")
    elif not fact.readable:
        yield _problem(origin, f"{name} cannot be read")
    elif fact.has_carriage_return:
        yield _problem(origin, f"{name} has Windows line endings, its first line cannot be run", "save it with LF")


def _migration_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if not profile.migrations:
        for hook in profile.hooks.get("pre_migrate", ()):
            yield _problem(hook.origin, "there are no migrations that a hook of pre_migrate could run before")
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


def _lock_warnings(facts: Facts) -> Iterator[Problem]:
    has_none = facts.lock is None and facts.unusable_lock is None
    if has_none and facts.project is not None and facts.project.has_dependencies:
        yield Problem(
            where="",
            what="no lock file: each build resolves the dependencies anew, and checks no hashes",
            hint=f"{GET_A_LOCK}, or {GET_A_LOCK_WITH_PIP}",
        )


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


def _git_warnings(profile: Profile, facts: Facts) -> Iterator[Problem]:
    if profile.version != "git" or not facts.git or profile.dev_mode:
        return
    if facts.git.dirty:
        what = f"files are changed since the last commit, so the version is {facts.git.description}"
        yield Problem(where="", what=what)
    if facts.git.hides_tags:
        what = f"the git clone is shallow and holds no tag of this commit, so the version is {facts.git.description}"
        yield _problem(
            _origin_of(profile, "version"), what, "`git fetch --unshallow --tags` gets the rest of the history"
        )
