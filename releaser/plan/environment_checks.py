"""Can the environment of the release be made as the project says: is there its Python, and what does its lock pin?"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from releaser.config.profile import Profile
from releaser.errors import Problem
from releaser.plan.facts import Facts, Project
from releaser.plan.places import described_in, origin_of, problem_at
from releaser.plan.project.interpreter import MINORS, Chosen, is_within

GET_A_LOCK = "releaser lock"
_SHOWN = 3


def interpreter_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    """Yield why there is no Python to build with."""
    if facts.interpreter is None:
        yield _missing_python(profile, facts)
        return
    wanted = facts.project.requires_python if facts.project else ""
    try:
        fits = not wanted or SpecifierSet(wanted).contains(facts.interpreter.full_version, prereleases=True)
    except InvalidSpecifier:
        where, key = _requires_python(profile, facts)
        yield Problem(where=where, key=key, what=f"'{wanted}' is no version range")
        return
    if not fits:
        where, key = _requires_python(profile, facts)
        may_be_another = profile.python_version or isinstance(profile.include_python, str)
        yield Problem(
            where=where,
            key=key,
            what=f"the project needs Python {wanted}, and this build uses {facts.interpreter.full_version}",
            hint="name another one in the release"
            if may_be_another
            else f"a release runs on Python {MINORS[-1]} to {MINORS[0]}; none of them is in this range",
        )


def _missing_python(profile: Profile, facts: Facts) -> Problem:
    """Return what is told where there is no Python to build with."""
    origin = origin_of(profile, "include_python")
    if not facts.missing_python:
        return problem_at(
            origin,
            f"no Python runs there: wanted {profile.include_python}/bin/python3, with all of its standard library",
            "that of Debian's and Ubuntu's python3-minimal alone is not enough",
        )
    version = facts.missing_python
    if ".".join(version.split(".")[:2]) not in MINORS:
        return problem_at(origin, f"a release runs on Python {MINORS[-1]} to {MINORS[0]}, and not on {version}")
    request = facts.project.python_request if facts.project else None
    hint = _fetched(version)
    if profile.include_python == version:
        return problem_at(origin, f"there is no Python {version} on this machine", hint)
    if request is not None and request.version == version:
        return Problem(where=request.source, what=f"there is no Python {version} on this machine", hint=hint)
    where, key = _requires_python(profile, facts)
    wanted = facts.project.requires_python if facts.project else version
    return Problem(where=where, key=key, what=f"there is no Python {wanted} on this machine", hint=hint)


def missing_python(project: Project, chosen: Chosen) -> str:
    """Return why there is no Python for a project, or nothing: what `releaser init` says before anything is built."""
    if chosen.interpreter is None:
        return f"there is no Python {chosen.missing} on this machine; {_fetched(chosen.missing)}"
    wanted = project.requires_python
    if is_within(chosen.interpreter, wanted):
        return ""
    return f"the project needs Python {wanted}, and a release runs on Python {MINORS[-1]} to {MINORS[0]}"


def _fetched(version: str) -> str:
    return f"`uv python install {version}` gets one, as `releaser build` does by itself where uv may"


def _requires_python(profile: Profile, facts: Facts) -> tuple[str, str]:
    """Return the file and the key of the range of Pythons."""
    shown = described_in(profile, facts)
    return shown, "project.requires-python" if shown.endswith("pyproject.toml") else ""


def interpreter_warnings(facts: Facts) -> Iterator[Problem]:
    """Yield where the Python that is used is another than the one that a file names."""
    request = facts.project.python_request if facts.project else None
    if request is None or facts.interpreter is None:
        return
    used = facts.interpreter.full_version
    if facts.passed_over_python:
        named = f"and not on {request.version}; this build uses {used}"
        what = f"a release runs on Python {MINORS[-1]} to {MINORS[0]}, {named}"
        yield Problem(where=request.source, what=what)
    elif request.version not in (facts.interpreter.version, used) and not facts.interpreter.wheels_platform:
        yield Problem(where=request.source, what=f"it names Python {request.version}, and this build uses {used}")


def lock_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    """Yield why what the lock pins cannot be installed."""
    lock = facts.lock
    if facts.unusable_lock is not None:
        what, hint = facts.unusable_lock.why, facts.unusable_lock.hint
        if profile.lock:
            yield problem_at(origin_of(profile, "lock"), f"{facts.unusable_lock.shown} cannot be used: {what}", hint)
        else:
            yield Problem(where=facts.unusable_lock.shown, what=f"this lock cannot be used: {what}", hint=hint)
        return
    if lock is None and profile.lock and not (profile.root / profile.lock).exists():
        yield problem_at(origin_of(profile, "lock"), f"the file {profile.lock} does not exist")
        return
    for setting, names in (("extras", profile.extras), ("groups", profile.groups)):
        yield from _choice_problems(profile, facts, setting, names)


def _choice_problems(profile: Profile, facts: Facts, setting: str, names: tuple[str, ...]) -> Iterator[Problem]:
    """Yield what is wrong with extras or groups that the lock, or the files in its place, do not have."""
    lock = facts.lock
    if not names:
        return
    origin = origin_of(profile, setting)
    if lock is not None and lock.kind in ("requirements", "pylock") and not lock.groups:
        what = f"{lock.shown} holds what it was locked with, and knows of no {setting}"
        yield problem_at(origin, what, f"lock them into {lock.shown}, and leave '{setting}' out")
    elif lock is not None and lock.groups:
        absent = [name for name in names if canonicalize_name(name) not in lock.groups]
        if absent:
            hint = {"pdm": "pdm lock --group :all", "pylock": GET_A_LOCK}.get(lock.kind, "")
            yield problem_at(origin, f"{lock.shown} was made without {', '.join(absent)}", hint)
    elif facts.wanted is not None and not facts.wanted.has_choices:
        yield problem_at(origin, f"{facts.wanted.shown} knows of no {setting}", f"leave '{setting}' out")
    elif facts.project is not None and (lock is None or lock.kind in ("uv", "poetry")):
        offered: tuple[str, ...] = getattr(facts.project, setting)
        known = {str(canonicalize_name(name)): name for name in offered}
        for name in (name for name in names if canonicalize_name(name) not in known):
            near = get_close_matches(canonicalize_name(name), known, 1)
            hint = f"did you mean '{known[near[0]]}'?" if near else f"it has {', '.join(offered)}" if offered else ""
            yield problem_at(origin, f"the project has no {setting.removesuffix('s')} '{name}'", hint)


def lock_warnings(facts: Facts) -> Iterator[Problem]:
    """Yield what is not pinned, or no longer by what the project asks for."""
    if facts.lock is not None and facts.lock.is_stale:
        what = "what the project asks for has changed since this lock was made"
        yield Problem(where=facts.lock.shown, what=what, hint=GET_A_LOCK)
    bare = [package.name for package in facts.lock.packages if not package.has_hash] if facts.lock is not None else []
    if facts.lock is not None and bare:
        more = f" and {len(bare) - _SHOWN} more" if len(bare) > _SHOWN else ""
        what = f"it has no hash of {', '.join(bare[:_SHOWN])}{more}: what is installed for that is not checked"
        yield Problem(where=facts.lock.shown, what=what)
    if facts.wanted is None:
        return
    what = f"no lock file: each build resolves anew {facts.wanted.asks}, and checks no hashes"
    if facts.wanted.is_pinned:
        what = f"{facts.wanted.shown} names versions without hashes: what they are is not checked, nor what they need"
    yield Problem(where="", what=what, hint=f"{GET_A_LOCK} writes one, pylock.toml")
