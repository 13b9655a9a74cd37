"""The examples are what the documentation says of them, and people can copy them."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.waiting import eventually
from uv import find_uv_bin

from releaser.config import read_config

ROOT = Path(__file__).parents[2]
GUESTBOOK = ROOT / "examples/guestbook"
HELLO = ROOT / "examples/hello"
LOCK = GUESTBOOK / "requirements.txt"
SCRIPTS = sorted(path for folder in ("hooks", "commands") for path in (ROOT / "rel" / folder).iterdir())


def run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; nothing of the tests' own environment steers the guestbook."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PYTHONPATH")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=inherited | {"PYTHONDONTWRITEBYTECODE": "1"} | env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=170,
        check=False,
    )


@pytest.fixture(scope="session")
def locked_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that holds the guestbook's lock, and the tools of its tests."""
    folder = tmp_path_factory.mktemp("guestbook-venv")
    uv, python = find_uv_bin(), folder / "venv/bin/python"
    install = (uv, "pip", "install", "--quiet", "--python", python)
    for command in (
        (uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"),
        (*install, "--require-hashes", "--requirements", LOCK),
        (*install, "--constraints", LOCK, "--group", f"{GUESTBOOK / 'pyproject.toml'}:dev"),
    ):
        result = run(*command, cwd=folder)
        assert result.returncode == 0, result.stderr
    return python


@pytest.fixture
def fake_release(tmp_path: Path) -> Path:
    """A folder whose `bin/app` writes down how it was called; its second ping is the first that is answered."""
    launcher = tmp_path / "bin/app"
    launcher.parent.mkdir()
    launcher.write_text(
        "#!/bin/sh\n"
        'echo "$*" >>calls\n'
        'case "$1" in\n'
        '    ping) [ "$(grep -c ping calls)" -ge 2 ] || exit 4 ;;\n'
        '    rpc) echo "running 0001"; exit "${RPC_EXIT_CODE:-0}" ;;\n'
        "esac\n"
    )
    launcher.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_environment_of_the_reference_example_can_be_used(environment: str) -> None:
    profile = read_config(ROOT / "rel/config.toml").profile(environment=environment)

    assert profile.name == "app"
    assert profile.dev_mode == (environment == "dev")
    assert profile.include_src == (environment != "prod")
    assert bool(profile.include_python) == (environment == "prod")
    for hook in (hook for hooks in profile.hooks.values() for hook in hooks):
        assert (ROOT / hook.run).is_file()
    assert all((ROOT / path).is_file() for path in profile.commands.values())
    assert (ROOT / profile.project / "pyproject.toml").is_file()


def test_what_the_reference_example_only_mentions_can_be_used_as_it_stands(tmp_path: Path) -> None:
    before, after = (ROOT / "rel/config.toml").read_text().split("# What this example does without")
    mentioned, _, rest = after.partition("\n\n")
    settings = re.sub("(?m)^#   ", "", mentioned.split("\n", 1)[1])
    (tmp_path / "rel").mkdir()
    (tmp_path / "rel/config.toml").write_text(f"{before}{settings}\n{rest}")

    profile = read_config(tmp_path / "rel/config.toml").profile(environment="prod")

    assert profile.heart.restarts == 3
    assert profile.liveness is not None
    assert len(profile.process) == 1
    assert len(profile.overlays) == 1


def test_every_environment_runs_the_migrations_exactly_once() -> None:
    config = read_config(ROOT / "rel/config.toml")
    for environment in config.environment_names:
        profile = config.profile(environment=environment)
        assert profile.migrations
        by_hook = any(hook.run == "rel/hooks/post_start" for hook in profile.hooks.get("post_start", ()))
        assert by_hook == (profile.migrations[0].run == "manual")


def test_hello_is_twenty_lines_of_the_standard_library() -> None:
    text = (HELLO / "hello.py").read_text()
    imported = [
        name
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    assert len(text.splitlines()) <= 20
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    assert tomllib.loads((HELLO / "pyproject.toml").read_text())["project"]["dependencies"] == []


def test_the_configuration_of_hello_can_be_used() -> None:
    assert read_config(HELLO / "rel/config.toml").profile().entry_point == "hello:main"


def test_hello_answers_and_ends_in_order() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", "import hello; hello.main()"],
        cwd=HELLO,
        env={"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: _answer(f"http://127.0.0.1:{port}/health"), within=30) == b"ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answer(url: str) -> bytes | None:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as response:
            body: bytes = response.read()
            return body
    except urllib.error.URLError:
        return None


def _locked() -> Iterator[tuple[Requirement, list[str]]]:
    for line in LOCK.read_text().replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        yield Requirement(requirement.strip()), [text.strip() for text in hashes]


def test_the_lock_names_no_place() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert "/" not in text
    assert set(re.findall(r"--[a-z-]+", text)) == {"--hash"}
    assert not any(requirement.url for requirement, _ in _locked())


def test_every_locked_requirement_has_one_version_and_hashes() -> None:
    for requirement, hashes in _locked():
        assert re.fullmatch(r"==[0-9.]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", text) for text in hashes), requirement


def test_the_lock_holds_what_the_project_asks_for() -> None:
    locked = {canonicalize_name(requirement.name): requirement for requirement, _ in _locked()}
    project = tomllib.loads((GUESTBOOK / "pyproject.toml").read_text())["project"]
    for wanted in map(Requirement, project["dependencies"]):
        version = str(locked[canonicalize_name(wanted.name)].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), wanted


def test_the_tests_of_the_guestbook_pass_with_what_is_locked(locked_python: Path, tmp_path: Path) -> None:
    result = run(
        locked_python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "t", cwd=GUESTBOOK
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "skipped" not in result.stdout


def test_the_revisions_of_the_guestbook_are_one_line() -> None:
    scripts = ScriptDirectory.from_config(Config(toml_file=GUESTBOOK / "pyproject.toml"))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    assert len(list(scripts.walk_revisions())) >= 4


def test_alembic_by_hand_goes_up_and_down_and_keeps_what_guests_wrote(locked_python: Path, tmp_path: Path) -> None:
    environment = {"RELEASE_VAR": str(tmp_path), "PYTHONPATH": str(GUESTBOOK / "src")}

    def alembic(*words: str) -> None:
        result = run(locked_python, "-m", "alembic", *words, cwd=GUESTBOOK, **environment)
        assert result.returncode == 0, result.stderr

    def rows(query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(tmp_path / "guestbook.sqlite3") as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found

    alembic("upgrade", "0002")
    rows(
        "INSERT INTO entries (author, message, signed_at) VALUES"
        " ('Ada Lovelace, London', 'Hello', '2026-01-02 03:04:05'), ('Niels', 'Hello', '2026-01-02 03:04:06')"
    )
    alembic("upgrade", "head")
    assert rows("SELECT author, place FROM entries ORDER BY id") == [("Ada Lovelace", "London"), ("Niels", None)]
    alembic("downgrade", "0001")
    assert rows("SELECT author FROM entries ORDER BY id") == [("Ada Lovelace, London",), ("Niels",)]
    alembic("upgrade", "head")
    assert rows("SELECT author, place FROM entries ORDER BY id") == [("Ada Lovelace", "London"), ("Niels", None)]
    alembic("downgrade", "base")
    assert rows("SELECT name FROM sqlite_master WHERE name = 'entries'") == []


def test_hooks_and_commands_are_clean_shell_scripts() -> None:
    shellcheck = Path(sysconfig.get_path("scripts")) / "shellcheck"
    result = run(shellcheck, "--shell=sh", *SCRIPTS, cwd=ROOT)
    assert result.returncode == 0, result.stdout
    assert all(os.access(path, os.X_OK) for path in SCRIPTS)


@pytest.mark.parametrize("name", ["post_start", "post_start.sh", "post_start/20-migrate"])
def test_the_post_start_hook_waits_for_the_app_and_migrates_under_any_name(fake_release: Path, name: str) -> None:
    hook = fake_release / "hooks" / name
    hook.parent.mkdir(parents=True)
    hook.write_bytes((ROOT / "rel/hooks/post_start").read_bytes())
    hook.chmod(0o755)

    result = run(hook, cwd=fake_release)

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "Preparing to run migrations",
        "Application is up!",
        "running 0001",
        "Migrations ran successfully",
    ]
    assert (fake_release / "calls").read_text() == "ping\nping\nrpc guestbook.release.tasks migrate\n"


def test_the_post_start_hook_fails_when_the_migrations_do(fake_release: Path) -> None:
    result = run(ROOT / "rel/hooks/post_start", cwd=fake_release, RPC_EXIT_CODE="1")

    assert result.returncode == 1
    assert "successfully" not in result.stdout


def test_the_pre_start_hook_makes_the_folder_that_is_written_to(tmp_path: Path) -> None:
    var = tmp_path / "with space/vär"
    result = run(ROOT / "rel/hooks/pre_start", cwd=tmp_path, RELEASE_VAR=str(var))

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{var} can be written to and has ")
    assert var.is_dir()


def test_the_pre_start_hook_refuses_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(ROOT / "rel/hooks/pre_start", cwd=tmp_path, RELEASE_VAR=str(tmp_path / "file/var"))

    assert result.returncode != 0
    assert str(tmp_path / "file") in result.stderr


def test_the_pre_start_hook_refuses_a_disk_that_is_full(tmp_path: Path) -> None:
    df = tmp_path / "df"
    df.write_text("#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted on\necho disk 9 8 7 99% /\n")
    df.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    result = run(ROOT / "rel/hooks/pre_start", cwd=tmp_path, RELEASE_VAR=str(tmp_path / "var"), PATH=path)

    assert result.returncode == 1
    assert result.stderr == f"{tmp_path}/var has 7 KiB left, wanted are 51200\n"


def test_the_seed_command_passes_its_arguments_on(fake_release: Path) -> None:
    launcher = str(fake_release / "bin/app")
    result = run(ROOT / "rel/commands/seed", "5", cwd=fake_release, RELEASE_PROG=launcher)

    assert result.returncode == 0
    assert (fake_release / "calls").read_text() == "rpc guestbook.release.tasks seed 5\n"
