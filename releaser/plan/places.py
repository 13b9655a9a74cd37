"""Where was it written? The place of a setting, and of what describes the project, for a problem to name."""

from __future__ import annotations

import posixpath

from releaser.config.profile import Origin, Profile
from releaser.errors import Problem
from releaser.plan.facts import Facts


def place_of(profile: Profile, setting: str) -> Problem:
    """Return a problem that says only where `setting` was written; a step that finds one there adds what it is."""
    return problem_at(origin_of(profile, setting), "")


def origin_of(profile: Profile, setting: str) -> Origin | None:
    """Return where `setting` was written, or what it is a part of; None: nowhere."""
    while setting:
        if setting in profile.origins:
            return profile.origins[setting]
        setting = setting.rpartition(".")[0]
    return None


def problem_at(origin: Origin | None, what: str, hint: str = "") -> Problem:
    """Return a problem of what was written at `origin`; of a default, where there is no such place."""
    return origin.problem(what, hint) if origin else Problem(where="", what=what, hint=hint)


def described_in(profile: Profile, facts: Facts) -> str:
    """Return the path of the file that describes the project as people see it; its folder where none does."""
    source = facts.project.source if facts.project else "pyproject.toml"
    return posixpath.normpath(f"{profile.project}/{source}")
