"""Build steps: the author's commands among the project's files, before and after the dependencies are there."""

from __future__ import annotations

import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
from integration.build.test_tree import members, run, with_settings, write
from support.builds import RELEASER, built, clean_environment, releaser
from support.index import make_wheel
from support.tiny_project import make_tiny_project
from support.waiting import eventually

STEPS = """
[[release.tiny.steps]]
run = "mkdir -p static node_modules && echo $STEP > static/made.css && touch node_modules/x && echo x > .env"
env = { STEP = "first" }
when = "before"

[[release.tiny.steps]]
run = ["python", "-c", "import leaf, os, pathlib; pathlib.Path('static/env.txt').write_text(os.environ['SEEN'])"]

[[release.tiny.steps]]
run = "mkdir -p src/tiny/locale && echo de > src/tiny/locale/de.mo && rm static/gone.txt"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = make_tiny_project(tmp_path / "project")
    make_wheel(project / "vendor", "leaf")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace("[project]\n", '[project]\ndependencies = ["leaf"]\n'))
    (project / "requirements.txt").unlink()
    write(project, {"static/gone.txt": "", "static/here.txt": ""})
    return project


def with_steps(project: Path, steps: str, settings: str = "") -> Path:
    with_settings(
        project, f'find_links = ["vendor"]\nenv = {{ SEEN = "${{RELEASE_NAME}} ${{RELEASE_VERSION}}" }}\n{settings}'
    )
    with (project / "rel/config.toml").open("a") as file:
        file.write(steps)
    return project


def packed(release: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_steps_run_among_the_files_of_the_project_and_what_they_wrote_is_in_the_release(project: Path) -> None:
    release = built(with_steps(project, STEPS), "--offline")

    found = packed(release)
    assert found["site-packages-app/static/made.css"] == b"first\n"
    assert found["site-packages-app/static/env.txt"] == b"tiny 1.0.0"
    assert found["site-packages/tiny/locale/de.mo"] == b"de\n"
    # Of a package's folder only what steps wrote goes in; the folder itself is as it was.
    assert members(release) == {"static/made.css", "static/env.txt"}
    assert sorted(path.name for path in (project / "static").iterdir()) == ["gone.txt", "here.txt"]
    assert run(release, "verify").returncode == 0


def test_what_the_rest_of_the_tree_is_goes_along_where_it_is_wanted(project: Path) -> None:
    release = built(with_steps(project, STEPS, "include_tree = true"), "--offline")
    found = members(release)
    assert {"static/made.css", "static/env.txt", "static/here.txt", "src/tiny/app.py"} <= found
    assert not {"static/gone.txt", ".env", "node_modules/x"} & found


def test_a_step_that_fails_is_told_with_what_it_printed_and_nothing_is_built(project: Path) -> None:
    steps = "[[release.tiny.steps]]\nrun = \"echo so far; python -c 'raise SystemExit(7)'; echo never\"\n"
    done = releaser(with_steps(project, steps), "build", "--offline")
    assert done.returncode == 1
    assert "step 1 of the release failed (rel/config.toml:" in done.stderr
    assert "ended with exit code 7\n  < so far\n" in done.stderr
    assert "never" not in done.stderr.partition("exit code 7")[2]
    assert not (project / "_build/prod/rel").exists()


def test_a_build_that_is_killed_in_a_step_leaves_the_last_one_and_the_next_one_works(project: Path) -> None:
    release = built(with_steps(project, ""), "--offline")
    before = (release / "releases/1.0.0/manifest.json").read_bytes()
    mark = project / "begun"
    with (project / "rel/config.toml").open("a") as file:
        file.write(f'[[release.tiny.steps]]\nrun = "touch half.txt; touch {mark}; exec tail -f /dev/null"\n')
    process = subprocess.Popen(
        [RELEASER, "build", "--offline"], cwd=project, env=clean_environment(), stdout=-3, stderr=-3
    )
    eventually(mark.exists, within=60.0)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert (release / "releases/1.0.0/manifest.json").read_bytes() == before
    text = (project / "rel/config.toml").read_text()
    (project / "rel/config.toml").write_text(text.replace("exec tail -f /dev/null", "true"))
    mark.unlink()

    assert members(built(project, "--offline")) == {"half.txt"}
    assert not list((project / "_build/prod").glob(".staging*"))


def test_steps_after_the_dependencies_are_refused_for_another_platform(project: Path) -> None:
    done = releaser(with_steps(project, STEPS, 'platform = "manylinux_2_28_aarch64"'), "build", "--offline")
    assert done.returncode == 3
    assert "runs the bundle's packages, which are for manylinux_2_28_aarch64" in done.stderr


def test_in_dev_mode_no_step_runs(project: Path) -> None:
    with_steps(project, STEPS)
    done = releaser(project, "build", "--env", "dev", "--offline")
    assert done.returncode == 0, done.stderr
    assert not (project / "static/made.css").exists()
