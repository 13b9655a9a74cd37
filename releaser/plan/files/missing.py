"""Which files does a configuration that cannot be used name, and are not there? Told with what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from releaser.config import Config, read_config
from releaser.config.named_paths import NamedPath, named_paths
from releaser.config.read import located
from releaser.errors import ConfigError, Problem, in_file_order


def read_config_and_see_its_files(path: Path, *, now: str) -> Config:
    """Return the configuration at `path`, as `read_config` does.

    Raises:
        ConfigError: with everything that is wrong in it, and every file that it names and that is not there.
    """
    try:
        return read_config(path, now=now)
    except ConfigError as error:
        place, file = located(path)
        missing = tuple(_missing(place.parent.parent, named_paths(place, file)))
        if not missing:
            raise
        problems = in_file_order(dict.fromkeys((*error.problems, *missing)))
        raise ConfigError(error.message, problems=problems, now=error.now, hint=error.hint) from None


def _missing(root: Path, named: tuple[NamedPath, ...]) -> Iterator[Problem]:
    for each in named:
        if not (root / each.path).exists():
            yield each.origin.problem(f"{each.path} does not exist")
