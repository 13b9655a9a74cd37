"""What editors make of the schema that `releaser schema` prints: tombi, the language server itself, is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.builds import releaser
from support.tiny_project import make_tiny_project
from support.zoo import BROKEN, VALID

ROOT = Path(__file__).parents[3]
FOLDERS = ("rel", "examples", "tests/projects")
WRITTEN = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("config.toml"))
DIRECTIVE = "#:schema ./schema.json\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rel").mkdir()
    done = releaser(tmp_path, "schema")
    (tmp_path / "rel/schema.json").write_text(done.stdout)
    return tmp_path / "rel"


def lint(*paths: Path) -> subprocess.CompletedProcess[str]:
    tombi = Path(sys.executable).parent / "tombi"
    words = [str(tombi), "lint", "--offline", *map(str, paths)]
    env = {"NO_COLOR": "1"}
    return subprocess.run(words, cwd=paths[0].parent, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_every_file_that_is_in_order_is_so_for_an_editor(folder: Path, tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path / "project")
    (project / "rel/config.toml").unlink()
    assert releaser(project, "init").returncode == 0
    paths = [path for path in WRITTEN if "_build" not in path.parts]
    copies = []
    for number, path in enumerate((*paths, *VALID, project / "rel/config.toml")):
        copies.append(folder / f"{number}.toml")
        copies[-1].write_text(DIRECTIVE + path.read_text("utf-8-sig"))

    done = lint(*copies)

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    assert f"{len(copies)} files linted successfully" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unknown_key", '"stop_timeuot" is not allowed'),
        ("unknown_event", '"pre_strat" is not allowed'),
        ("env_number", "expected a value of type String"),
    ],
)
def test_an_editor_marks_what_is_wrong_where_it_is(folder: Path, name: str, said: str) -> None:
    broken = next(path for path in BROKEN if path.stem == name)
    (folder / "config.toml").write_text(DIRECTIVE + broken.read_text())

    done = lint(folder / "config.toml")

    assert done.returncode == 1
    assert said in done.stdout + done.stderr
