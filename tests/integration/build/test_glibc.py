"""What a release needs of its hosts: `glibc_max` refuses more than the author's have; what they may lack is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.builds import built, releaser
from support.tiny_project import CONFIG, make_tiny_project


def test_a_limit_for_the_c_library_names_the_files_that_exceed_it(tmp_path: Path) -> None:
    limited = CONFIG.replace("[environment.prod]\n", '[environment.prod]\ninclude_python = true\nglibc_max = "2.2"\n')
    project = make_tiny_project(tmp_path / "project", config=limited)
    done = releaser(project, "build")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: the release would need glibc 2.")
    assert "rel/config.toml:9:13: environment.prod.glibc_max: " in lines[1]
    named = [line for line in lines if line.startswith("  < ") and ": needs GLIBC_2." in line]
    assert len(named) == 20
    assert any("/lib/lib" in line for line in named)
    assert lines[-2].startswith("  now: nothing was built")
    assert "include_libc = true" in lines[-1]


def test_time_zones_that_a_host_may_not_have_come_along(tmp_path: Path) -> None:
    config = CONFIG.replace("[environment.prod]\n", "[environment.prod]\ninclude_python = true\n")
    project = make_tiny_project(tmp_path / "project", config=config)
    (project / "src/tiny/clock.py").write_text("import zoneinfo\n")
    done = releaser(project, "build")
    assert done.returncode == 0, done.stderr
    assert ", for hosts without time zones: clock.py uses zoneinfo" in done.stdout
    code = "import zoneinfo; zoneinfo.reset_tzpath(()); print(zoneinfo.ZoneInfo('Europe/Oslo').key)"
    release = built(project)
    answer = subprocess.run([release / "bin/tiny", "eval", code], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "Europe/Oslo\n"), answer.stderr
    assert subprocess.run([release / "bin/tiny", "verify"], capture_output=True, check=False).returncode == 0
    of_this_machine = releaser(project, "build", "--env", "closed")
    assert of_this_machine.returncode == 0
    assert "zoneinfo" not in of_this_machine.stderr


def test_a_release_without_machine_code_is_below_every_limit(tmp_path: Path) -> None:
    limited = CONFIG.replace("[environment.prod]\n", '[environment.prod]\nglibc_max = "2.2"\n')
    project = make_tiny_project(tmp_path / "project", config=limited)
    done = releaser(project, "build")
    assert done.returncode == 0, done.stderr


def test_with_a_c_library_of_its_own_a_release_is_below_every_limit(tmp_path: Path) -> None:
    settings = 'archive = false\ninclude_python = true\ninclude_libc = true\nglibc_max = "2.2"\n'
    limited = CONFIG.replace("[environment.prod]\n", f"[environment.prod]\n{settings}")
    project = make_tiny_project(tmp_path / "project", config=limited)
    done = releaser(project, "build")
    assert done.returncode == 0, done.stderr
    release = project / "_build/prod/rel/tiny"
    assert list(release.glob("python-3.*/**/libc.so.6"))
    answer = subprocess.run([release / "bin/tiny", "eval", "6 * 7"], env={"PATH": "/usr/bin:/bin"}, capture_output=True)
    assert answer.stdout == b"42\n", answer.stderr
