"""Can what the configuration says of the project's files, and of the steps among them, be carried out?"""

from __future__ import annotations

from collections.abc import Iterator

from releaser.config.profile import Profile
from releaser.errors import Problem
from releaser.plan.facts import Facts
from releaser.plan.places import origin_of, problem_at


def tree_problems(profile: Profile, facts: Facts) -> Iterator[Problem]:
    """Yield what forbids a build."""
    yield from _shared_problems(profile)
    if profile.dev_mode or facts.interpreter is None or not facts.interpreter.is_foreign:
        return
    target = facts.interpreter.wheels_platform or f"Python {facts.interpreter.version}"
    for spec in profile.steps:
        if spec.when == "after":
            what = f"a step after the dependencies runs the bundle's packages, which are for {target}"
            yield spec.origin.problem(what, 'when = "before" runs it with what this machine has')


def _shared_problems(profile: Profile) -> Iterator[Problem]:
    """Yield a problem for each shared path that lies in another: there would be a link inside of a link."""
    paths = [path.rstrip("/") for path in profile.shared]
    for index, path in enumerate(paths):
        outer = next((other for other in paths if path.startswith(f"{other}/")), "")
        if outer or path in paths[:index]:
            what = f"'{path}' is shared with '{outer or path}' already"
            yield problem_at(origin_of(profile, f"shared.{index}"), what, "remove it")
