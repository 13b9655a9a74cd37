"""Which options have the commands about a release and an environment in common, and which plan do they name?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from releaser.cli.interruption import told_if_interrupted
from releaser.errors import ConfigError, ProjectError, UsageError

if TYPE_CHECKING:
    from releaser.plan.gather import Fetch
    from releaser.plan.plan import Plan

DEFAULT_CONFIG = "rel/config.toml"


class OfAProfile(click.Command):
    """A command about a release and an environment, which are named by options: a bare word may be one of them."""

    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            words = " ".join(rest)
            raise UsageError(
                f"got unexpected extra argument{'s' if len(rest) > 1 else ''} ({words})",
                hint=self._meant(ctx, rest[0]) or f"'{ctx.command_path} --help' lists the options",
            )
        return rest

    def _meant(self, ctx: click.Context, word: str) -> str:
        from releaser.config import read_config

        options = {option for parameter in self.params for option in parameter.opts}
        try:
            config = read_config(Path(ctx.params["config"]))
        except (ConfigError, OSError):
            return ""
        names = (("--release", config.release_names), ("--env", config.environment_names))
        ways = [
            f"'{ctx.command_path} {option} {word}'" for option, known in names if option in options and word in known
        ]
        return f"did you mean {' or '.join(ways)}?" if ways else ""


CONFIG_OPTION = click.option(
    "--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"Configuration file; {DEFAULT_CONFIG} if not given."
)
_PROFILE_OPTIONS: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
    click.option(
        "--env", "environment", metavar="ENV", default="", help="Environment; default_environment if not given."
    ),
    click.option("--release", metavar="NAME", default="", help="Release; default_release if not given."),
    CONFIG_OPTION,
)


def profile_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a release, an environment and the configuration."""
    for option in reversed(_PROFILE_OPTIONS):
        function = option(function)
    return function


def plan_of(
    config: str, release: str, environment: str, now: str = "nothing was built", fetch: Fetch | None = None
) -> Plan:
    """Return the plan for what options name; `now` is true when it cannot be made.

    `fetch` brings a Python that the project needs and this machine has not.
    """
    from releaser.plan.files.missing import read_config_and_see_its_files
    from releaser.plan.gather import gather_facts
    from releaser.plan.make import make_plan

    path = Path(config)
    if not path.exists() and config == DEFAULT_CONFIG:
        _name_other_folders(now)
    with told_if_interrupted(now):
        profile = read_config_and_see_its_files(path, now=now).profile(release or None, environment or None, now=now)
        return make_plan(profile, gather_facts(profile, path, fetch))


def _name_other_folders(now: str) -> None:
    """Refuse to go on at the root of a repository whose apps lie below it, and name them.

    Raises:
        ProjectError: nothing is here, and something is below.
    """
    from releaser.init.below import apps_below, configured_below, hint_of

    here = Path.cwd()
    if any((folder / DEFAULT_CONFIG).exists() for folder in here.parents):
        return  # told with the way there
    if configured := configured_below(here):
        hint = f"`cd {configured[0]}`" if len(configured) == 1 else f"there is one in {', '.join(configured)}"
        raise ProjectError(f"there is no {DEFAULT_CONFIG} in this folder", now=now, hint=hint)
    if not (here / "pyproject.toml").exists() and (hint := hint_of(apps_below(here))):
        raise ProjectError(f"there is no {DEFAULT_CONFIG} in this folder, and no app either", now=now, hint=hint)
