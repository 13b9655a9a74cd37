"""Where does setuptools put what it makes along the way? Beside the wheel; by itself, into the project's folder.

There it would stay, and the next wheel would hold a module that is gone (`build/lib`) or a data file that is no longer
named (`SOURCES.txt`): the same inputs would not make the same wheel. setuptools reads one more file of configuration
from `DIST_EXTRA_CONFIG` and gives it the last word; versions before 66 do not, and other backends have no use for it.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_VARIABLE: Final = "DIST_EXTRA_CONFIG"
_NAME: Final = "along-the-way"


def variables(into: Path) -> dict[str, str]:
    """Return the variables of a program that builds a wheel into the folder `into`."""
    return {_VARIABLE: str(into / f"{_NAME}.cfg")}


def make_room(project: Path, into: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Write into the folder `into` what `variables` names; settings that the caller's own file has are kept."""
    settings = configparser.RawConfigParser()
    settings.read(environment.get(_VARIABLE, os.devnull), encoding="utf-8")
    folder = into / _NAME
    folder.mkdir()
    # Relative, for setuptools refuses absolute paths among the files of a project, and takes `%` and `$` in the names
    # of the folders above it for something else.
    for section, name in (("build", "build_base"), ("egg_info", "egg_base")):
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, name, os.path.relpath(folder, project))
    with (into / f"{_NAME}.cfg").open("w", encoding="utf-8") as file:
        settings.write(file)
