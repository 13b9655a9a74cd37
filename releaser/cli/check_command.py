"""`releaser check`: can every release be built for every environment? All that forbids it, told at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from releaser.build.stage.plugins import Plugins
from releaser.config import Config
from releaser.errors import Problem, ProjectError, ReleaserError, in_file_order
from releaser.plan.gather import gather_facts
from releaser.plan.make import make_plan

NOW = "nothing was built"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found out about one release for one environment."""

    release: str
    environment: str
    version: str = ""
    """Empty when it cannot be built."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem | str, ...] = ()


def check_all(config: Config, path: Path, release: str, environment: str) -> list[Checked]:
    """Check the release and the environment that are named, every one where none is; `path` is the configuration.

    Raises:
        UsageError: there is no release or environment of that name.
    """
    if release or environment:
        config.merged(release or config.release_names[0], environment or config.environment_names[0], now=NOW)
    return [
        _check(config, path, name, env)
        for name in ((release,) if release else config.release_names)
        for env in ((environment,) if environment else config.environment_names)
    ]


def checked_lines(checked: Sequence[Checked]) -> list[str]:
    """Return a line for each; what is wrong with one is told apart from it."""
    return [f"{one.release} for {one.environment}: {_verdict(one)}" for one in checked]


def checked_json(checked: Sequence[Checked], problems: Sequence[Problem] = ()) -> str:
    """Return the same for a program; `problems` are those of the configuration itself, when nothing can be checked."""
    found = [
        {
            "release": one.release,
            "environment": one.environment,
            "version": one.version,
            "problems": [_fields(problem) for problem in one.problems],
            "warnings": [_fields(each) for each in one.warnings],
        }
        for one in checked
    ]
    is_ok = not problems and not any(one.problems for one in checked)
    told = {"ok": is_ok, "checked": found, "problems": [_fields(each) for each in problems]}
    return json.dumps(told, indent=2)


def warnings_in(checked: Sequence[Checked]) -> list[Problem | str]:
    """Return each warning once, however many environments it is of."""
    return list(dict.fromkeys(each for one in checked for each in one.warnings))


def refuse_problems(checked: Sequence[Checked]) -> None:
    """Tell every problem once, in one failure.

    Raises:
        ProjectError: there is one.
    """
    wrong = [f"{one.release} for {one.environment}" for one in checked if one.problems]
    if wrong:
        problems = in_file_order(dict.fromkeys(problem for one in checked for problem in one.problems))
        raise ProjectError(f"cannot build {', '.join(wrong)}", problems=problems, now=NOW)


def _check(config: Config, path: Path, release: str, environment: str) -> Checked:
    try:
        profile = config.profile(release, environment, now=NOW)
        plan = make_plan(profile, gather_facts(profile, path))
        warnings: list[Problem | str] = [*plan.warnings]
        Plugins(plan).check(note=lambda text: None, warn=warnings.append)
    except ReleaserError as error:
        return Checked(release=release, environment=environment, problems=tuple(_problems_of(error)))
    return Checked(release=release, environment=environment, version=plan.sketch.version, warnings=tuple(warnings))


def _problems_of(error: ReleaserError) -> Iterator[Problem]:
    if error.problems:
        yield from error.problems
    else:
        yield Problem(where="", what=error.message, hint=error.hint)


def _verdict(one: Checked) -> str:
    if one.problems:
        return f"cannot be built ({_counted(len(one.problems), 'problem')})"
    warned = f" ({_counted(len(one.warnings), 'warning')})" if one.warnings else ""
    return f"{one.version} can be built{warned}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _fields(problem: Problem | str) -> dict[str, str]:
    found = Problem(where="", what=problem) if isinstance(problem, str) else problem
    return {"where": found.where, "key": found.key, "what": found.what, "hint": found.hint}
