"""Where a release's environment comes from, seen by real processes: the app, its hooks, and every command beside it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.running import Release, making_releases

from releaser.runtime.release.manifest import Command, Entry

APP = """\
import json, os, sys

def main():
    names = ("FROM_HOST", "FROM_FILE", "FROM_PROVIDER", "FROM_DEFAULT", "SECOND", "DATABASE_URL")
    told = {name: os.environ[name] for name in names if name in os.environ}
    told["flags"] = [sys.flags.dev_mode, sys.flags.optimize, sys.flags.utf8_mode, int(sys.flags.safe_path)]
    told["warnings"] = sys.warnoptions
    print("app", json.dumps(told), flush=True)

def told():
    import io, contextlib
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        main()
    return text.getvalue().removeprefix("app ")
"""
SECRETS = """\
import os

def load():
    print("asking the vault at", os.environ["VAULT"])
    with open(os.environ["COUNT"], "a") as file:
        file.write("x")
    return {"FROM_HOST": "provider", "FROM_FILE": "provider", "FROM_PROVIDER": "provider", "SECOND": "first",
            "DATABASE_URL": "sqlite://"}

async def more():
    return {"SECOND": "after " + os.environ["SECOND"]}

def fails():
    raise RuntimeError("the vault is sealed")

def numbers():
    return {"PORT": 8000, "RELEASE_ROOT": "/", "not a name": "x"}

def nothing():
    pass

def leaves():
    raise SystemExit(0)

def dies():
    os._exit(7)
"""
MODULES = {"app.py": APP, "secrets_of.py": SECRETS}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Any]:
    with making_releases(tmp_path) as make_one:
        numbers = itertools.count()

        def write(host: Mapping[str, str] | None = None, **fields: Any) -> Release:
            release = make_one(f"r{next(numbers)}", modules=MODULES, **fields)
            release.env |= {"COUNT": str(tmp_path / "count"), **(host or {})}
            return release

        yield write


def told_by_the_app(release: Release) -> dict[str, Any]:
    running = release.foreground(until="")
    assert running.wait() == 0, running.errors()
    return json.loads(running.output().partition("app ")[2].partition("\n")[0])  # type: ignore[no-any-return]


EVERYTHING = {
    "env_file": "env",
    "config_providers": ["secrets_of:load", "secrets_of:more"],
    "env": {"FROM_DEFAULT": "${SECOND} and default", "SECOND": "default", "VAULT": "vault.local"},
    "required_env": ["DATABASE_URL"],
}
RESULT = {
    "FROM_HOST": "host",
    "FROM_FILE": "file",
    "FROM_PROVIDER": "provider",
    "SECOND": "after first",
    "FROM_DEFAULT": "after first and default",
    "DATABASE_URL": "sqlite://",
}


def everything(make: Any, **fields: Any) -> Release:
    release: Release = make({"FROM_HOST": "host"}, **{**EVERYTHING, **fields})
    (release.root / "env").write_text("FROM_HOST=file\nFROM_FILE=file\n")
    return release


def test_the_host_wins_over_its_file_the_file_over_the_providers_and_these_over_the_defaults(make: Any) -> None:
    told = told_by_the_app(everything(make))

    assert {name: told.get(name) for name in RESULT} == RESULT


@pytest.mark.parametrize("words", [("eval", "app:told"), ("console",), ("tell",)])
def test_a_command_beside_the_app_is_configured_as_the_app_is(make: Any, words: tuple[str, ...]) -> None:
    release = everything(make, commands=[Command(name="tell", path="tell", summary="")])
    script = release.root / "releases" / "1.0.0" / "tell"
    script.write_text('#!/bin/sh\n"$RELEASE_PROG" eval app:told\n')
    script.chmod(0o755)

    answer = release.run(*words, stdin="import app; app.main()\n" if words == ("console",) else None)

    told = json.loads(answer.stdout[answer.stdout.index("{") : answer.stdout.rindex("}") + 1])
    assert {name: told.get(name) for name in RESULT} == RESULT


def test_providers_are_asked_once_for_a_start_whatever_its_hooks_call(make: Any, tmp_path: Path) -> None:
    release = everything(make, hooks=[("pre_start", "10-ask", "#!/bin/sh\nbin/app eval app:told\nbin/app eval 1\n")])

    assert release.foreground(until="").wait() == 0

    assert (tmp_path / "count").read_text() == "x"


def test_what_a_provider_prints_goes_to_standard_error(make: Any) -> None:
    running = everything(make).foreground(until="")

    assert running.wait() == 0
    assert "asking the vault at vault.local" in running.errors()
    assert "vault" not in running.output()


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ("fails", "the config provider secrets_of:fails failed: RuntimeError: the vault is sealed"),
        ("nothing", "expected a mapping of names to text, found nothing"),
        ("numbers", "PORT: expected text, found a value of type int"),
        ("missing", "the config provider secrets_of:missing cannot be called: there is no 'missing' in secrets_of"),
        ("leaves", "the config provider secrets_of:leaves ended its process (SystemExit: 0)"),
        ("dies", "the config providers (secrets_of:dies) gave no answer: exit code 7"),
    ],
)
def test_a_provider_that_fails_aborts_the_start_with_one_message(make: Any, provider: str, message: str) -> None:
    release = make(config_providers=[f"secrets_of:{provider}"])
    running = release.foreground(until="")

    assert running.wait() == 1
    assert message in running.errors()
    assert running.errors().count("error:") == 1
    assert "now: nothing was started" in running.errors()
    assert "app {" not in running.output()
    answer = release.run("eval", "app:told")
    assert (answer.returncode, answer.stderr.count("error:")) == (1, 1)
    assert message in answer.stderr


def test_a_provider_may_not_set_what_the_release_sets_and_every_wrong_name_is_told(make: Any) -> None:
    answer = make(config_providers=["secrets_of:numbers"]).run("eval", "1")

    assert "RELEASE_ROOT: set by the release itself" in answer.stderr
    assert "expected the name of an environment variable, found 'not a name'" in answer.stderr
    assert "8000" not in answer.stderr


def test_required_variables_may_come_from_the_file_and_are_missed_without_it(make: Any) -> None:
    release = make(env_file="-env", required_env=["DATABASE_URL"])
    refused = release.foreground(until="")
    assert refused.wait() != 0
    assert "DATABASE_URL: not set" in refused.errors()

    (release.root / "env").write_text("DATABASE_URL=sqlite://\n")

    assert told_by_the_app(release)["DATABASE_URL"] == "sqlite://"


def test_a_missing_env_file_aborts_the_start(make: Any) -> None:
    running = make(env_file="/nowhere/env").foreground(until="")

    assert running.wait() != 0
    assert "cannot use env_file /nowhere/env: no such file" in running.errors()
    assert running.errors().count("error:") == 1


def test_what_a_pre_configure_hook_writes_is_read_from_the_file(make: Any) -> None:
    release = make(env_file="env", hooks=[("pre_configure", "10-fetch", "#!/bin/sh\necho FROM_FILE=fetched > env\n")])

    assert told_by_the_app(release)["FROM_FILE"] == "fetched"


@pytest.mark.parametrize("how", ["app", "eval"])
def test_the_interpreter_of_the_app_has_the_flags_that_were_asked_for(make: Any, how: str) -> None:
    release = make(python_args=["-X", "dev", "-W", "error::UserWarning"], python_optimize=2)

    told = told_by_the_app(release) if how == "app" else json.loads(release.run("eval", "app:told").stdout)

    assert told["flags"] == [True, 2, 1, 1]
    assert "error::UserWarning" in told["warnings"]


VARIABLES = {
    "PYTHONHASHSEED": "0",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "error::UserWarning",
    "PYTHONTRACEMALLOC": "3",
    "PYTHONMALLOC": "malloc_debug",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONUNBUFFERED": "",
}
WHAT_PYTHON_SEES = """\
import asyncio, faulthandler, json, sys, tracemalloc
async def is_debugged(): return asyncio.get_running_loop().get_debug()
def seen():
    streams = [sys.stdout.write_through, sys.stdout.encoding]
    return [hash("a"), faulthandler.is_enabled(), sys.warnoptions, tracemalloc.get_traceback_limit(),
            asyncio.run(is_debugged()), sys.flags.utf8_mode, sys.flags.dont_write_bytecode, sys.flags.optimize,
            any("outside" in folder for folder in sys.path), *streams]
print("seen", json.dumps(seen()), flush=True)
"""


def test_variables_of_python_have_their_effect_in_the_app_and_in_what_it_starts(make: Any) -> None:
    release = make(env=VARIABLES)
    from support.handmade import write_bundle

    app = f"""\
import subprocess, sys
SEEN = {WHAT_PYTHON_SEES!r}
def main():
    exec(SEEN, {{}})
    subprocess.run([sys.executable, "-c", SEEN], check=True)
"""
    write_bundle(release.root / "releases" / "1.0.0" / "app.pyz", {"app.py": app})
    release.env |= {"PYTHONPATH": "/srv/outside", "PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2", "LC_ALL": "C"}
    running = release.foreground(until="")
    assert running.wait() == 0, running.errors()
    of_the_app, of_its_child = [
        json.loads(line.removeprefix("seen ")) for line in running.output().splitlines() if line.startswith("seen ")
    ]
    assert of_the_app == of_its_child
    assert of_the_app[1:] == [True, ["error::UserWarning"], 3, True, 1, 1, 0, False, False, "utf-8"]
    fixed = subprocess.run(
        [sys.executable, "-c", "print(hash('a'))"], env={"PYTHONHASHSEED": "0"}, capture_output=True, check=True
    )
    assert of_the_app[0] == int(fixed.stdout)


def test_without_flags_the_interpreter_has_its_usual_ones(make: Any) -> None:
    assert told_by_the_app(make())["flags"] == [False, 0, 1, 1]


def test_an_app_run_as_a_module_gets_the_flags_as_well(make: Any) -> None:
    modules = {"tell.py": "import sys; print(sys.flags.optimize, __debug__)"}
    entry = Entry(kind="module", target="tell", argv0="tell", args=[])
    release = make(entry=entry, python_optimize=1)
    # make() writes its own modules; this one says what runs.
    site = release.root / "releases" / "1.0.0"
    from support.handmade import write_bundle

    write_bundle(site / "app.pyz", modules)
    running = release.foreground(until="")

    assert running.wait() == 0
    assert "1 False" in running.output()


def test_describe_names_the_file_and_the_providers_and_hides_what_looks_secret(make: Any) -> None:
    required = ["API_TOKEN", "DATABASE_URL"]
    release = make(env_file="env", config_providers=["secrets_of:load"], required_env=required)
    (release.root / "env").write_text("API_TOKEN=hunter2\nCOLOUR=blue\n")

    text = release.run("describe").stdout

    assert "config_providers" in text
    assert "secrets_of:load" in text
    assert str(release.root / "env") in text
    assert "blue" in text
    assert "hunter2" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "required API_TOKEN set" in lines
    assert "required DATABASE_URL not set, unless a config provider does" in lines
