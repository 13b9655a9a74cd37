"""Which projects' wheels follow from their files alone?"""

from __future__ import annotations

import tomllib

import pytest

from releaser.build.publish.inputs import why_not_pure

HATCH = '[build-system]\nrequires = ["hatchling>=1.27"]\nbuild-backend = "hatchling.build"\n'
SETUPTOOLS = '[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n'


@pytest.mark.parametrize("text", [HATCH, SETUPTOOLS, HATCH + '[tool.hatch.version]\npath = "a.py"\n'])
def test_a_known_backend_without_hooks_reads_the_projects_files_alone(text: str) -> None:
    assert why_not_pure(tomllib.loads(text)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[build-system]\nrequires = []\nbuild-backend = "backend"\n',
        HATCH.replace("requires", 'backend-path = ["."]\nrequires'),
        HATCH.replace('"]', '", "hatch-vcs"]'),
        SETUPTOOLS.replace('"wheel"', '"setuptools-scm>=8"'),
        SETUPTOOLS.replace('"wheel"', '"wheel @ file:///x"').replace('"setuptools"', '"setuptools_scm"'),
        HATCH + '[tool.hatch.version]\nsource = "vcs"\n',
        HATCH + '[tool.hatch.version]\nsource = "code"\n',
        HATCH + '[tool.hatch.metadata.hooks.custom]\npath = "x.py"\n',
        HATCH + "[tool.hatch.build.hooks.custom]\n",
        HATCH + "[tool.hatch.build.targets.wheel.hooks.custom]\n",
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
        + '[tool.poetry.build]\nscript = "build.py"\n',
    ],
)
def test_whatever_else_may_be_read_is_not_certain(text: str) -> None:
    assert why_not_pure(tomllib.loads(text)) != ""


def test_a_setup_py_may_read_anything() -> None:
    assert why_not_pure(tomllib.loads(SETUPTOOLS), has_setup_py=True) != ""
