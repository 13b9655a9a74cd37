"""The launcher under every shell that may be `sh`, in every place that a release may lie."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.handmade import PYTHON_VERSION
from support.running import TEMPLATE, Make, Release, making_releases

from releaser.runtime.release.manifest import Command, Python

PYTHON = os.path.realpath(sys.executable)
SHELLS = {
    "dash": ("dash",),
    "busybox": ("busybox", "sh"),
    "bash": ("bash",),
    "bash as sh": ("bash", "--posix"),
}


def needs(program: str) -> None:
    if shutil.which(program) is None:
        assert not os.environ.get("CI"), f"CI must have {program}"
        pytest.skip(f"no {program} here")


@pytest.fixture(params=SHELLS, ids=lambda name: name.replace(" ", "-"))
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    words = SHELLS[request.param]
    needs(words[0])
    return words


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with making_releases(tmp_path) as make_one:
        yield make_one


def python_on(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(text)
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    "folder",
    [
        "plain",
        "with space",
        "it's",
        'a "quoted" one',
        "größe-été-日本",
        "dollar $HOME",
        "semi;colon&co",
        "back\\slash",
        "-dash",
        "star*",
    ],
)
def test_it_works_from_any_folder(make: Make, shell: tuple[str, ...], folder: str) -> None:
    release = make(folder)
    release.shell = shell
    answer = release.run("version")
    assert (answer.stdout, answer.stderr) == ("1.0.0\n", "")
    assert f"root                     {release.root}\n" in release.run("describe").stdout


def test_it_works_through_links_and_from_path(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    elsewhere = tmp_path / "somewhere else"
    elsewhere.mkdir()
    (elsewhere / "second").symlink_to(release.launcher)
    (elsewhere / "first").symlink_to("second")
    answer = subprocess.run(
        [*shell, "first", "version"], cwd=elsewhere, env=release.env, capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("1.0.0\n", "")
    called = {**release.env, "PATH": f"{elsewhere}:{release.env['PATH']}"}
    answer = subprocess.run(
        [*shell, "-c", "first version"], cwd="/", env=called, capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("1.0.0\n", "")


def test_a_link_to_the_folder_is_resolved(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    (tmp_path / "link").symlink_to(release.root)
    linked = Release(root=tmp_path / "link", scratch=release.scratch, env=release.env, shell=shell)
    assert f"root                     {release.root}\n" in linked.run("describe").stdout


def test_an_empty_environment_is_enough(make: Make, shell: tuple[str, ...]) -> None:
    release = make()
    script = f"RELEASE_PYTHON={PYTHON}\n"
    (release.root / "releases/1.0.0/env.sh").write_text(script)
    answer = subprocess.run(
        ["env", "-i", shutil.which(shell[0]) or shell[0], *shell[1:], str(release.launcher), "version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.stdout, answer.stderr) == ("1.0.0\n", "")


def test_names_of_the_host_never_steer_it(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    release.shell = shell
    python_on(tmp_path / "trap", "json.py", "raise SystemExit('the trap was imported')\n")
    names = ("NAME", "SCRIPT", "ROOT", "VERSION", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "CDPATH", "IFS", "SELF")
    release.env |= {name: str(tmp_path / "trap") for name in names}
    release.env |= {"RELEASE_NAME": "other", "RELEASE_VERSION": "9", "PYTHONINSPECT": "1", "PYTHONVERBOSE": "1"}
    answer = release.run("describe")
    assert answer.returncode == 0
    assert answer.stdout.startswith("app 1.0.0 (prod)\n")
    assert answer.stderr == ""


def test_arguments_arrive_untouched(make: Make, shell: tuple[str, ...]) -> None:
    release = make(commands=[Command(name="show", path="commands/show", summary="")])
    python_on(
        release.root / "releases/1.0.0/commands",
        "show",
        '#!/bin/sh\nfor word in "$@"; do printf "<%s>" "$word"; done\n',
    )
    release.shell = shell
    words = ["", "a b", "*", "$HOME", "'", '"', "\\", "--help", "-x", "ä", "two\nlines"]
    assert release.run("show", *words).stdout == "".join(f"<{word}>" for word in words)


def test_a_custom_command_gets_the_contract_and_its_exit_code_counts(make: Make, shell: tuple[str, ...]) -> None:
    release = make(commands=[Command(name="show", path="commands/show", summary="")], env={"COLOUR": "${TINT:-red}"})
    script = 'echo "$RELEASE_COMMAND $RELEASE_ROOT $RELEASE_VERSION $COLOUR"; exit 7\n'
    python_on(release.root / "releases/1.0.0/commands", "show", script)
    release.shell = shell
    answer = release.run("show")
    assert answer.stdout == f"show {release.root} 1.0.0 red\n"
    assert answer.returncode == 7


def test_a_missing_python_is_told_with_what_was_found(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    release.shell = (shutil.which(shell[0]) or shell[0], *shell[1:])
    old = python_on(tmp_path / "old", "python3", "#!/bin/sh\necho 3.6 /usr/bin/python3\n")
    broken = python_on(tmp_path / "broken", "python", "#!/bin/sh\nexit 1\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "readlink").symlink_to(shutil.which("readlink") or "")
    del release.env["RELEASE_PYTHON"]
    release.env["PATH"] = f"{old.parent}:{broken.parent}:{tools}"
    answer = release.run("foreground")
    assert answer.returncode == 3
    assert f"error: app 1.0.0 needs Python {PYTHON_VERSION}, and none was found on PATH\n" in answer.stderr
    assert f"  {old}: Python 3.6\n" in answer.stderr
    assert f"  {broken}: does not run\n" in answer.stderr
    assert "  now: nothing was started\n" in answer.stderr
    assert not (release.root / "var").exists()


def test_the_python_of_the_right_version_is_searched_on_path(
    make: Make, shell: tuple[str, ...], tmp_path: Path
) -> None:
    release = make()
    release.shell = shell
    folder = tmp_path / "a bin"
    folder.mkdir()
    python_on(folder, "python3", "#!/bin/sh\nexit 1\n")
    (folder / f"python{PYTHON_VERSION}").symlink_to(PYTHON)
    del release.env["RELEASE_PYTHON"]
    release.env["PATH"] = f"{folder}:/usr/bin:/bin"
    assert release.run("version").stdout == "1.0.0\n"


def test_a_python_that_is_named_and_missing_is_refused(make: Make) -> None:
    release = make()
    release.env["RELEASE_PYTHON"] = "/nowhere/python3"
    answer = release.run("version")
    assert answer.returncode == 3
    assert "RELEASE_PYTHON is /nowhere/python3, which is not an executable file" in answer.stderr


def test_a_python_that_is_named_and_of_another_version_is_refused(make: Make) -> None:
    release = make(python_version="3.99")
    answer = release.run("foreground")
    assert answer.returncode == 3
    assert f"needs Python 3.99, and {PYTHON} is {PYTHON_VERSION}" in answer.stderr


def test_the_current_version_is_booted_and_the_default_without_it(make: Make) -> None:
    release = make()
    shutil.copytree(release.root / "releases/1.0.0", release.root / "releases/2.0.0")
    assert release.run("version").stdout == "1.0.0\n"
    release.var.mkdir()
    (release.var / "current").write_text("2.0.0\n")
    assert release.run("version").stdout == "2.0.0\n"


@pytest.mark.parametrize("current", ["9.9.9", "", "../evil", "/evil", ".", "..", "1.0.0/../../evil", "default"])
def test_a_version_that_is_not_there_is_told(make: Make, current: str) -> None:
    release = make()
    release.var.mkdir()
    shutil.copytree(release.root / "releases/1.0.0", release.root / "evil")
    (release.var / "current").write_text(current)
    answer = release.run("version")
    assert answer.returncode == 3
    assert f"error: app has no usable version '{current}' in {release.root}/releases" in answer.stderr


CONTROLS = {
    "colour": (b"\x1b[31m5.0\x07\n", "?[31m5.0?"),
    "carriage return": (b"1.0.0\r\n", "1.0.0?"),
    "bytes": (b"1.0\xff\x9b\xc2\x85\n", "1.0????"),
    "long": (b"x" * 100_000, f"{'x' * 40}..."),
}


@pytest.mark.parametrize("said", CONTROLS)
@pytest.mark.parametrize("place", ["var/current", "releases/default"])
def test_a_file_that_names_no_version_is_named_and_what_it_holds_moves_no_cursor(
    make: Make, shell: tuple[str, ...], place: str, said: str
) -> None:
    release = make()
    release.shell = shell
    release.var.mkdir()
    written, shown = CONTROLS[said]
    (release.root / place).write_bytes(written)
    answer = release.run("versions")
    assert (answer.returncode, answer.stdout) == (3, "")
    first, now, hint = answer.stderr.splitlines()
    file = release.root / place
    assert first == f"error: app has no usable version '{shown}' in {release.root}/releases, and {file} names it"
    assert now == "  now: nothing was started"
    assert hint.startswith(f"      hint: {file} is to hold one line, the name of a version that is here: 1.0.0")
    file.write_text("1.0.0\n")
    assert release.run("version").stdout == "1.0.0\n"
    if place == "var/current":
        assert f"or remove it, and {release.root}/releases/default says which" in hint
        file.unlink()
        assert release.run("version").stdout == "1.0.0\n"


def put_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_a_folder(path: Path) -> None:
    path.mkdir()


def put_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def put_a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize("place", ["var/current", "releases/default"])
@pytest.mark.parametrize("put", [put_a_pipe, put_a_folder, put_a_device, put_a_link_to_itself, put_a_link_to_nothing])
def test_what_is_no_file_is_not_waited_for_and_no_other_version_is_booted(
    make: Make, shell: tuple[str, ...], put: Callable[[Path], None], place: str
) -> None:
    release = make()
    release.shell = shell
    release.var.mkdir()
    (release.root / place).unlink(missing_ok=True)
    put(release.root / place)
    for command in ("version", "versions", "start"):
        answer = release.run(command)
        assert answer.returncode == 3
        assert f"error: cannot tell which version of app boots: {release.root / place} is not a file\n" in answer.stderr
    assert not (release.var / "run").exists()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"\x7fELF\x02\x01\x1b[31m\x00\xff", "does not name a Python"),
        (b"3.12 ../python - \n", "does not name a Python"),
        (b"3.12 python-1/../../x\n", "does not name a Python"),
        (b"3.12 python-1 2.x\n", "does not name a Python"),
        (b"3.12; true -\n", "does not name a Python"),
        (b"", "does not name a Python"),
        (None, "is not a file"),
    ],
)
def test_a_damaged_note_of_the_python_is_told(
    make: Make, shell: tuple[str, ...], written: bytes | None, why: str
) -> None:
    release = make()
    release.shell = shell
    note = release.root / "releases/1.0.0/python"
    note.unlink()
    if written is None:
        os.mkfifo(note)
    else:
        note.write_bytes(written)
    answer = release.run("version")
    assert (answer.returncode, answer.stdout) == (3, "")
    assert answer.stderr == (
        f"error: app has no usable version '1.0.0' in {release.root}/releases: {note} {why}\n"
        "  now: nothing was started\n"
        "      hint: unpack app-1.0.0.tar.gz over this folder again\n"
    )


def test_a_bundled_python_that_is_missing_is_told(make: Make, shell: tuple[str, ...]) -> None:
    release = make()
    release.shell = shell
    bundle_python(release, "-")
    python = release.root / "python-9.9.9/bin/python3"
    assert release.run("version").returncode == 0
    python.unlink()
    answer = release.run("version")
    assert answer.returncode == 3
    assert f"{python} is missing\n  now: nothing was started\n      hint: unpack app-1.0.0.tar.gz" in answer.stderr


def test_a_pipe_among_what_the_last_start_found_is_not_waited_for(make: Make, shell: tuple[str, ...]) -> None:
    release = make()
    release.shell = shell
    release.env["PATH"] = f"{Path(release.env.pop('RELEASE_PYTHON')).parent}:/usr/bin:/bin"
    release.var.mkdir(parents=True)
    os.mkfifo(release.var / "python")
    assert release.run("version").stdout == "1.0.0\n"


def shim(folder: Path, name: str, counted: Path, python: str = PYTHON) -> None:
    python_on(folder, name, f"#!/bin/sh\necho >>'{counted}'\nexec '{python}' \"$@\"\n")


def test_a_python_that_was_found_is_not_looked_for_again(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    release.shell = shell
    del release.env["RELEASE_PYTHON"]
    counted = tmp_path / "counted"
    shim(tmp_path / "shims", f"python{PYTHON_VERSION}", counted)
    release.env["PATH"] = f"{tmp_path / 'shims'}:/usr/bin:/bin"
    assert release.run("version").stdout == "1.0.0\n"
    assert not release.var.exists(), "a query writes nothing"
    assert release.run("eval", "1 + 1").stdout == "2\n"
    assert (release.var / "python").read_text() == f"{PYTHON_VERSION} {PYTHON}\n"
    asked = len(counted.read_text())
    assert release.run("eval", "1 + 1").stdout == "2\n"
    assert release.run("version").stdout == "1.0.0\n"
    assert len(counted.read_text()) == asked

    (release.var / "python").write_text(f"{PYTHON_VERSION} {tmp_path / 'gone' / 'python'}\n")
    assert release.run("eval", "1 + 1").stdout == "2\n"
    assert len(counted.read_text()) > asked
    assert (release.var / "python").read_text() == f"{PYTHON_VERSION} {PYTHON}\n"


def test_a_python_whose_name_does_not_say_its_version_is_looked_for_each_time(make: Make, tmp_path: Path) -> None:
    release = make()
    del release.env["RELEASE_PYTHON"]
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(PYTHON, own / "python3")
    counted = tmp_path / "counted"
    shim(tmp_path / "shims", "python3", counted, str(own / "python3"))
    release.env["PATH"] = str(tmp_path / "shims")
    assert release.run("eval", "1 + 1").stdout == "2\n"
    assert counted.exists()
    assert not (release.var / "python").exists()


@pytest.mark.parametrize("put", [put_a_pipe, put_a_folder])
def test_what_is_no_file_in_the_place_of_env_sh_is_told_and_the_hint_helps(
    make: Make, shell: tuple[str, ...], put: Callable[[Path], None]
) -> None:
    release = make()
    release.shell = shell
    env_file = release.root / "releases/1.0.0/env.sh"
    env_file.unlink()
    put(env_file)
    assert release.run("ping").returncode == 4
    answer = release.run("eval", "1 + 1")
    assert answer.returncode == 3
    assert f"error: cannot read {env_file}: it is not a file\n" in answer.stderr
    hint = answer.stderr.partition("hint: `")[2].partition("`")[0]
    assert subprocess.run(hint, shell=True, check=False).returncode == 0
    assert release.run("eval", "1 + 1").stdout == "2\n"


def test_env_sh_is_exported_and_may_name_the_python(make: Make, shell: tuple[str, ...]) -> None:
    release = make(commands=[Command(name="show", path="commands/show", summary="")])
    python_on(release.root / "releases/1.0.0/commands", "show", 'echo "$COLOUR"\n')
    (release.root / "releases/1.0.0/env.sh").write_text(f"RELEASE_PYTHON={PYTHON}\nCOLOUR='light blue'\n")
    release.shell = shell
    release.env["RELEASE_PYTHON"] = "/nowhere"
    assert release.run("show").stdout == "light blue\n"


def test_a_release_called_by_another_release_keeps_its_own_folders(make: Make) -> None:
    release = make()
    release.env |= {"RELEASE_ROOT": "/somewhere/else", "RELEASE_VAR": "/somewhere/else/var"}
    release.env["PATH"] = f"{Path(PYTHON).parent}:/usr/bin:/bin"
    assert f"var                      {release.root}/var\n" in release.run("describe").stdout


@pytest.mark.parametrize(
    ("word", "hint"), [("pnig", "did you mean 'ping'?"), ("xyzzy", "`app help` lists the commands")]
)
def test_an_unknown_command_is_refused_with_the_nearest_name(make: Make, word: str, hint: str) -> None:
    answer = make().run(word)
    assert answer.returncode == 2
    assert answer.stderr == f"error: app has no command '{word}'\n  now: nothing was done\n      hint: {hint}\n"


def test_queries_need_no_manifest_and_write_nothing(make: Make) -> None:
    release = make()
    (release.root / "releases/1.0.0/manifest.json").write_text("damaged")
    assert release.run("version").stdout == "1.0.0\n"
    assert release.run("ping").returncode == 4
    assert not release.var.exists()
    answer = release.run("describe")
    assert answer.returncode == 3
    assert "release 1.0.0 cannot be used: the manifest is damaged" in answer.stderr


def test_it_is_clean_under_shellcheck(make: Make) -> None:
    release = make("it's")
    shellcheck = Path(sys.executable).parent / "shellcheck"
    answer = subprocess.run([shellcheck, "--shell=sh", release.launcher], capture_output=True, text=True, check=False)
    assert answer.stdout + answer.stderr == ""
    assert "{{" not in release.launcher.read_text()
    assert TEMPLATE.read_text().startswith("#!/bin/sh\n")


def test_help_fits_a_terminal(make: Make) -> None:
    release = make()
    text = release.run("help").stdout
    assert max(len(line) for line in text.splitlines()) <= 80
    assert release.run().stdout == text
    told = release.run("help", "rpc").stdout
    assert told.startswith("usage: app rpc MODULE:FUNCTION [ARGS]\n")
    assert "  --timeout D                 give up waiting after this long (10s, 2m)\n" in told
    assert release.run("rpc", "--help").stdout == told


def bundle_python(release: Release, glibc: str, text: str = "") -> None:
    """Give the release an interpreter of its own: this one, or a script."""
    folder = release.root / "python-9.9.9" / "bin"
    folder.mkdir(parents=True)
    if text:
        python_on(folder, "python3", text)
    else:
        (folder / "python3").symlink_to(PYTHON)
    (release.root / "releases/1.0.0/python").write_text(f"{PYTHON_VERSION} python-9.9.9 {glibc}\n")


@pytest.mark.parametrize("command", [("foreground",), ("describe",), ()], ids=["foreground", "describe", "no command"])
@pytest.mark.parametrize(
    ("host", "is_enough"), [("2.31", False), ("2.35", False), ("2.36", True), ("2.36.9000", True), ("3.0", True)]
)
def test_a_host_whose_c_library_is_too_old_is_told_before_python_runs(
    make: Make, shell: tuple[str, ...], tmp_path: Path, host: str, is_enough: bool, command: tuple[str, ...]
) -> None:
    release = make()
    bundle_python(release, "2.36", "#!/bin/sh\necho this Python runs\n")
    tools = python_on(tmp_path / "tools", "getconf", f"#!/bin/sh\necho glibc {host}\n").parent
    words = (*shell, str(release.launcher), *command)
    env = {"PATH": f"{tools}:/usr/bin:/bin"}
    answer = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if is_enough:
        assert answer.stdout == "this Python runs\n"
    else:
        assert answer.returncode == 3
        assert answer.stderr.startswith(f"error: app 1.0.0 needs glibc 2.36 or newer, and this host has {host}\n")
        assert "now: nothing was started" in answer.stderr


def test_a_host_with_another_c_library_is_told_so(make: Make, shell: tuple[str, ...], tmp_path: Path) -> None:
    release = make()
    bundle_python(release, "2.36", "#!/bin/sh\nexit 127\n")
    tools = python_on(tmp_path / "tools", "getconf", "#!/bin/sh\nexit 1\n").parent
    words = (*shell, str(release.launcher), "start")
    env = {"PATH": f"{tools}:/usr/bin:/bin"}
    answer = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 3
    assert "needs glibc 2.36 or newer, and this host has none, or an older one\n" in answer.stderr


def test_a_query_does_not_ask_for_the_c_library(make: Make, tmp_path: Path) -> None:
    release = make()
    bundle_python(release, "2.36")
    tools = python_on(tmp_path / "tools", "getconf", f"#!/bin/sh\ntouch '{tmp_path}/asked'\n").parent
    env = {"PATH": f"{tools}:/usr/bin:/bin"}
    answer = subprocess.run([str(release.launcher), "ping"], env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 4
    assert not (tmp_path / "asked").exists()


def test_machine_code_of_the_bundle_may_need_a_newer_c_library_than_the_hosts(make: Make) -> None:
    python = Python(
        version=PYTHON_VERSION, full_version="", implementation="cpython", platform="any", bundled="", glibc="99.1"
    )
    release = make(python=python)
    answer = release.run("foreground")
    assert answer.returncode == 3
    assert "error: app 1.0.0 needs glibc 99.1 or newer, and this host has " in answer.stderr
    assert "99.1 or newer" in release.run("describe").stdout
