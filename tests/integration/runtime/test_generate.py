"""`bin/NAME generate systemd`, judged by systemd itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, ended, make_release

from releaser.runtime.release.manifest import Socket

ADDRESS = "${HOST:-127.0.0.1}:${PORT:-8000}"
EXPOSURE = 3.0


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    made = make_release(
        tmp_path / "release",
        tmp_path / "scratch",
        sockets=[Socket(name="web", address=ADDRESS)],
        hooks=[("pre_stop", "20-leave", "exit 0")],
    )
    with ended(made):
        yield made


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        assert "CI" not in os.environ, "systemd-analyze is missing"
        pytest.skip("needs systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_systemd_finds_nothing_wrong_with_the_units_and_little_exposed(release: Release, tmp_path: Path) -> None:
    units = tmp_path / "units"
    answer = release.run("generate", "systemd", "--socket", "--user", "root", "--output", str(units))
    assert answer.stdout.split() == [str(units / "app.service"), str(units / "app.socket")]
    files = [str(units / "app.service"), str(units / "app.socket")]
    verified = analyze("verify", *files)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    judged = analyze("security", "--offline=yes", files[0])
    found = re.search(r"exposure level for app\.service: ([0-9.]+)", judged.stdout)
    assert found, judged.stdout + judged.stderr
    assert float(found[1]) < EXPOSURE


def test_the_unit_is_printed_with_what_this_host_has(release: Release, tmp_path: Path) -> None:
    release.env |= {"RELEASE_VAR": str(tmp_path / "a var"), "PORT": "8001"}
    text = release.run("generate", "systemd", "--socket").stdout
    assert f"ExecStart={release.root}/bin/app foreground" in text
    assert "User=app" in text
    assert f'Environment="RELEASE_VAR={tmp_path}/a var"' in text
    assert f'Environment="RELEASE_PYTHON={release.env["RELEASE_PYTHON"]}"' in text
    assert "ListenStream=127.0.0.1:8001" in text
    assert not (tmp_path / "a var").exists()


@pytest.mark.parametrize("words", [(), ("upstart",), ("systemd", "--user"), ("systemd", "--what")])
def test_other_words_are_refused(release: Release, words: tuple[str, ...]) -> None:
    answer = release.run("generate", *words)
    assert answer.returncode == 2
    assert "expected `app generate systemd [--user USER] [--socket] [--output DIR]`" in answer.stderr


def test_a_release_without_sockets_has_no_socket_unit(tmp_path: Path) -> None:
    bare = make_release(tmp_path / "bare", tmp_path / "scratch")
    answer = bare.run("generate", "systemd", "--socket")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "app has no `sockets` that systemd could open" in answer.stderr


def test_a_folder_that_cannot_be_written_to_is_told(release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = release.run("generate", "systemd", "--output", str(tmp_path / "file" / "units"))
    assert answer.returncode == 1
    assert "Not a directory" in answer.stderr
