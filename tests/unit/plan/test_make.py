"""From a profile and facts to a plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.planning import ROOT, facts_of, file_fact, hook_of, lock_of, origin_of, profile_of

from releaser.config.profile import MigrationsSpec, ProcessSpec, StripSpec
from releaser.errors import Problem, ProjectError
from releaser.plan.describe import describe
from releaser.plan.facts import Git, Interpreter, MigrationsFact, PathFact, Wanted
from releaser.plan.make import make_plan
from releaser.plan.plan import Plan
from releaser.plan.steps import (
    BuildWheel,
    BundlePython,
    CheckBundle,
    CheckGlibc,
    CopyMigrations,
    CopyScripts,
    InstallDependencies,
    NoteMigrationCommand,
    PublishArchive,
    PublishTree,
    StripBundle,
    WriteArchive,
    WriteManifest,
)

MIGRATIONS = MigrationsSpec(script_location="shop:migrations", origin=origin_of("release.shop.migrations"))


def kinds_of(plan: Plan) -> list[type]:
    return [type(step) for step in plan.steps]


def problems_of(error: pytest.ExceptionInfo[ProjectError]) -> list[tuple[str, str]]:
    return [(problem.key, problem.what) for problem in error.value.problems]


def test_what_can_fail_comes_first_and_what_others_see_comes_last() -> None:
    kinds = kinds_of(make_plan(profile_of(), facts_of()))
    assert kinds[:2] == [BuildWheel, InstallDependencies]
    assert kinds.index(WriteManifest) < kinds.index(WriteArchive) < kinds.index(PublishArchive)
    assert kinds.index(PublishArchive) < kinds.index(PublishTree)


def test_dev_mode_makes_no_archive() -> None:
    plan = make_plan(profile_of(dev_mode=True), facts_of())
    assert not plan.has_archive
    assert not {WriteArchive, PublishArchive} & set(kinds_of(plan))


def test_debug_info_is_left_out_where_dependencies_are_installed() -> None:
    spec = StripSpec(debug_info=True, keep=("numpy",))
    plan = make_plan(profile_of(strip=spec), facts_of(lock=lock_of()))
    install = next(step for step in plan.steps if isinstance(step, InstallDependencies))
    assert (install.without_debug_info, install.keep) == (True, ("numpy",))
    assert describe(install).endswith(", without debug info")
    assert StripBundle not in kinds_of(plan), "nothing is left to it"
    others = make_plan(profile_of(strip=replace(spec, debug_info=False)), facts_of(lock=lock_of()))
    install = next(step for step in others.steps if isinstance(step, InstallDependencies))
    assert (install.without_debug_info, install.keep) == (False, ())


def test_the_places_are_those_of_the_environment() -> None:
    plan = make_plan(profile_of(output_dir="out"), facts_of())
    assert plan.published == ROOT / "out/prod/rel/shop"
    assert plan.archive == ROOT / "out/prod/shop-1.4.0.tar.gz"


def test_the_version_is_the_projects_gits_or_a_literal() -> None:
    git = Git(revision="a" * 40, description="v2.0.1-3-gabc", dirty=False)
    assert make_plan(profile_of(), facts_of()).sketch.version == "1.4.0"
    assert make_plan(profile_of(version="git"), facts_of(git=git)).sketch.version == "2.0.1-3-gabc"
    assert make_plan(profile_of(version="7"), facts_of()).sketch.version == "7"


def test_a_version_without_its_tag_is_told_where_the_clone_is_shallow() -> None:
    git = Git(revision="a" * 40, description="aaaaaaa", dirty=False, hides_tags=True)
    (warning,) = make_plan(profile_of(version="git"), facts_of(git=git)).warnings
    assert warning.what == "the git clone is shallow and holds no tag of this commit, so the version is aaaaaaa"
    assert warning.hint == "`git fetch --unshallow --tags` gets the rest of the history"
    assert make_plan(profile_of(), facts_of(git=git)).warnings == ()
    assert make_plan(profile_of(version="git", dev_mode=True), facts_of(git=git)).warnings == ()


def test_an_interpreter_is_copied_only_when_asked_for() -> None:
    assert BundlePython not in kinds_of(make_plan(profile_of(), facts_of()))
    assert BundlePython(prefix="") in make_plan(profile_of(include_python=True), facts_of()).steps
    named = make_plan(profile_of(include_python="/opt/python"), facts_of())
    assert BundlePython(prefix="/opt/python") in named.steps


def test_a_prefix_in_which_no_python_runs_is_told_with_what_was_wanted_there() -> None:
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(include_python="/opt/python"), facts_of(interpreter=None))
    told = "no Python runs there: wanted /opt/python/bin/python3, with all of its standard library"
    assert [what for _, what in problems_of(error)] == [told]


def test_migrations_bring_a_step_and_a_hook() -> None:
    facts = facts_of(migrations={"default": MigrationsFact(folder=Path(__file__).parent)})
    profile = profile_of(migrations=(MIGRATIONS,))
    with pytest.raises(ProjectError, match="cannot build shop for prod"):
        make_plan(profile, facts)  # the folder has no env.py


def test_the_migrate_hook_runs_before_the_authors_own(tmp_path: Path) -> None:
    (tmp_path / "env.py").touch()
    paths = {"rel/announce": file_fact()}
    hooks = {"post_start": (hook_of("rel/announce"),)}
    profile = profile_of(migrations=(MIGRATIONS,), hooks=hooks)
    plan = make_plan(profile, facts_of(migrations={"default": MigrationsFact(folder=tmp_path)}, paths=paths))
    assert [hook.path for hook in plan.sketch.hooks] == [
        "hooks/post_start.d/10-migrate",
        "hooks/post_start.d/20-announce",
    ]
    assert CopyMigrations in kinds_of(plan)


def test_a_command_that_migrates_is_looked_up_and_noted_and_needs_no_scripts() -> None:
    spec = MigrationsSpec(
        command=("python", "-m", "x"), check=("y",), url="${URL}", run="pre_start", origin=MIGRATIONS.origin
    )
    plan = make_plan(profile_of(migrations=(spec,)), facts_of())
    (step,) = [step for step in plan.steps if isinstance(step, NoteMigrationCommand)]
    (found,) = [step for step in plan.steps if isinstance(step, CheckBundle)]
    programs = {program.name: program.command for program in found.programs}
    assert (programs[step.command], programs[step.check]) == (("python", "-m", "x"), ("y",))
    assert [hook.path for hook in plan.sketch.hooks] == ["hooks/pre_start.d/10-migrate"]


def test_what_a_command_that_migrates_cannot_have_is_a_problem() -> None:
    spec = MigrationsSpec(command=("x",), run="check", journal="off", lock_timeout_s=9.0, origin=MIGRATIONS.origin)
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(migrations=(spec,)), facts_of())
    assert [what for _, what in problems_of(error)] == [
        "a command needs 'url', the database whose lock it is run under",
        "run = \"check\" needs 'check', which tells whether something is pending",
        "'lock_timeout' is about alembic's revisions, not a command",
        "'journal' is about alembic's revisions, not a command",
    ]


def test_a_release_that_only_checks_the_database_does_so_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "env.py").touch()
    migrations = replace(MIGRATIONS, run="check")
    plan = make_plan(
        profile_of(migrations=(migrations,)), facts_of(migrations={"default": MigrationsFact(folder=tmp_path)})
    )
    (hook,) = plan.sketch.hooks
    assert (hook.event, hook.path, hook.on_failure) == (*("pre_start", "hooks/pre_start.d/10-check-database", "abort"),)


def test_every_problem_is_told_at_once() -> None:
    profile = profile_of(
        hooks={
            "pre_start": (hook_of("rel/gone"), hook_of("rel/empty")),
            "post_start": (hook_of("rel/socket", event="post_start"),),
        },
        commands={"seed": "rel/folder"},
        origins={"commands": origin_of("release.shop.commands")},
        version="one two",
    )
    paths = {
        "rel/gone": PathFact(kind="missing"),
        "rel/empty": PathFact(kind="folder"),
        "rel/socket": PathFact(kind="other"),
        "rel/folder": PathFact(kind="folder", entries=("a",)),
    }
    with pytest.raises(ProjectError) as error:
        make_plan(profile, facts_of(paths=paths))
    assert problems_of(error) == [
        ("", "expected a version of letters, digits and '.+_-', found 'one two'"),
        ("hooks.pre_start", "rel/gone does not exist"),
        ("hooks.pre_start", "the folder rel/empty holds no hook"),
        ("hooks.post_start", "rel/socket is neither a file nor a folder"),
        ("release.shop.commands", "expected a file for the command 'seed', and rel/folder is a folder"),
    ]
    assert error.value.exit_code == 3
    assert error.value.now == "nothing was built; _build/prod is untouched"


@pytest.mark.parametrize(
    ("fact", "what"),
    [
        (file_fact(readable=False), "rel/hook cannot be read"),
        (file_fact(has_carriage_return=True), "rel/hook has Windows line endings, its first line cannot be run"),
    ],
)
def test_a_hook_that_cannot_run_is_a_problem(fact: PathFact, what: str) -> None:
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(hooks={"pre_start": (hook_of("rel/hook"),)}), facts_of(paths={"rel/hook": fact}))
    assert problems_of(error) == [("hooks.pre_start", what)]


@pytest.mark.parametrize(
    ("sockets", "hint"),
    [
        ({}, 'sockets = { web = "127.0.0.1:8000" } adds one'),
        ({"admin": "127.0.0.1:1"}, "sockets has admin"),
    ],
)
def test_a_socket_that_the_command_names_must_be_one_of_the_release(sockets: dict[str, str], hint: str) -> None:
    command = ("uvicorn", "--fd", "{socket.web}", "shop:app")
    origins = {"command": origin_of("release.shop.command")}
    with pytest.raises(ProjectError) as caught:
        make_plan(profile_of(entry_point="", command=command, sockets=sockets, origins=origins), facts_of())
    (problem,) = caught.value.problems
    assert (problem.key, problem.what) == ("release.shop.command", "'{socket.web}' names no socket of this release")
    assert problem.hint == hint


def test_a_socket_that_a_processs_command_names_must_be_one_that_it_inherits() -> None:
    origin = origin_of("release.shop.process.api")
    api = ProcessSpec(command=("uvicorn", "--fd", "{socket.web}"), origin=origin)
    with pytest.raises(ProjectError) as caught:
        make_plan(profile_of(sockets={"web": "127.0.0.1:8000"}, process={"api": api}), facts_of())
    (problem,) = caught.value.problems
    assert problem.what == "'{socket.web}' names no socket that 'api' inherits"
    make_plan(
        profile_of(sockets={"web": "127.0.0.1:8000"}, process={"api": replace(api, sockets=("web",))}), facts_of()
    )


def test_a_hook_needs_no_executable_bit() -> None:
    profile = profile_of(hooks={"pre_start": (hook_of("rel/hook"),)})
    plan = make_plan(profile, facts_of(paths={"rel/hook": file_fact(executable=False)}))
    assert plan.warnings == ()


def test_an_interpreter_of_a_hook_that_is_not_here_is_a_warning() -> None:
    fact = file_fact(shebang=("/usr/bin/env", "ruby"), shebang_program_found=False)
    plan = make_plan(profile_of(hooks={"pre_start": (hook_of("rel/hook"),)}), facts_of(paths={"rel/hook": fact}))
    assert plan.warnings == (
        Problem(where="rel/hook:1", what="it is run by '/usr/bin/env ruby', which is not on this machine"),
    )


def test_no_lock_is_a_warning_that_says_how_to_get_one() -> None:
    for wanted, what in (
        (Wanted(shown="Pipfile", lines=("flask",)), "no lock file: each build resolves anew what Pipfile asks for"),
        (Wanted(shown="r.txt", files=(ROOT / "r.txt",), is_pinned=True), "r.txt names versions without hashes"),
    ):
        plan = make_plan(profile_of(), facts_of(lock=None, wanted=wanted))
        (warning,) = plan.warnings
        assert warning.what.startswith(what)
        assert warning.hint == "releaser lock writes one, pylock.toml"
        assert plan.sketch.inputs["lock"] == "none, resolved by the build: resolved.txt"


def test_a_project_that_asks_for_nothing_needs_no_lock() -> None:
    plan = make_plan(profile_of(), facts_of(lock=None))
    assert plan.warnings == ()
    assert "install nothing: the project has no dependencies" in [describe(step) for step in plan.steps]


def test_what_a_lock_was_made_from_and_has_changed_is_a_warning() -> None:
    (warning,) = make_plan(profile_of(), facts_of(lock=lock_of(is_stale=True))).warnings
    assert (warning.where, warning.hint) == ("requirements.txt", "releaser lock")


def test_a_lock_that_is_named_and_missing_is_a_problem() -> None:
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(lock="locks/prod.txt"), facts_of(lock=None))
    assert problems_of(error) == [("", "the file locks/prod.txt does not exist")]


def test_a_project_that_needs_another_python_is_a_problem() -> None:
    old = Interpreter(
        path=Path("python"), version="3.10", full_version="3.10.13", implementation="cpython", platform="linux-x86_64"
    )
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(), facts_of(interpreter=old))
    assert problems_of(error) == [
        ("project.requires-python", "the project needs Python >=3.11, and this build uses 3.10.13")
    ]


def test_a_folder_without_project_is_a_problem() -> None:
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(project="app"), facts_of(project=None, project_trouble="it does not exist"))
    (problem,) = error.value.problems
    assert problem.where == ""
    assert problem.what == "this is not a project that can be bundled: it does not exist"


def test_a_missing_migrations_folder_is_a_problem() -> None:
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(migrations=(MIGRATIONS,)), facts_of())
    assert problems_of(error) == [
        ("release.shop.migrations", "the script_location 'shop:migrations' is no folder of the project")
    ]


def test_a_command_becomes_a_script_with_the_summary_of_its_file() -> None:
    paths = {"rel/seed.sh": file_fact(summary="fill the database")}
    plan = make_plan(profile_of(commands={"seed": "rel/seed.sh"}), facts_of(paths=paths))
    (command,) = plan.sketch.commands
    assert (command.name, command.path, command.summary) == ("seed", "commands/seed", "fill the database")
    (step,) = [step for step in plan.steps if isinstance(step, CopyScripts)]
    assert [(script.source, script.to) for script in step.scripts] == [(ROOT / "rel/seed.sh", "commands/seed")]


def test_what_went_in_is_recorded_without_places() -> None:
    git = Git(revision="a" * 40, description="v1-dirty", dirty=True)
    plan = make_plan(profile_of(), facts_of(git=git, config_sha256="cd" * 32, tools={"uv": "0.9"}))
    assert plan.sketch.inputs == {
        "config": "sha256:" + "cd" * 32,
        "git": "a" * 40 + "-dirty",
        "lock": "requirements.txt sha256:" + "ab" * 32,
        "uv": "0.9",
    }


def test_every_step_reads_as_one_line() -> None:
    for profile in (profile_of(include_python=True), profile_of(dev_mode=True)):
        for step in make_plan(profile, facts_of()).steps:
            line = describe(step)
            assert "\n" not in line
            assert 0 < len(line) <= 60
            assert not line.endswith(".")


def test_the_c_library_is_checked_once_the_interpreter_is_there() -> None:
    assert CheckGlibc not in kinds_of(make_plan(profile_of(), facts_of()))
    plan = make_plan(profile_of(glibc_max="2.31", include_python=True), facts_of())
    assert BundlePython(prefix="", glibc_max="2.31") in plan.steps
    kinds = kinds_of(plan)
    assert kinds.index(BundlePython) < kinds.index(CheckGlibc) < kinds.index(WriteArchive)


def test_a_c_library_comes_with_an_interpreter_or_not_at_all() -> None:
    own = make_plan(profile_of(include_libc=True, include_python=True, glibc_max="2.31"), facts_of())
    assert BundlePython(prefix="", include_libc=True) in own.steps
    assert CheckGlibc not in kinds_of(own)  # of the host it needs none
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(include_libc=True), facts_of())
    assert "include_python is false" in problems_of(error)[0][1]


def test_a_problem_of_a_database_or_a_process_is_told_where_its_setting_is_written() -> None:
    written = {
        "migrations": 3,
        "migrations.config": 4,
        "migrations.ledger": 6,
        "migrations.ledger.script_location": 7,
        "process.worker": 10,
        "process.worker.sockets": 12,
    }
    spec = replace(MIGRATIONS, name="ledger", config="none.ini", origin=origin_of("migrations.ledger", line=6))
    profile = profile_of(
        migrations=(spec,),
        process={"worker": ProcessSpec(entry_point="a:b", sockets=("web",), origin=origin_of("worker", line=10))},
        origins={name: origin_of(name, line=line) for name, line in written.items()},
    )
    with pytest.raises(ProjectError) as error:
        make_plan(profile, facts_of(migrations={"ledger": MigrationsFact(config=ROOT / "none.ini")}))

    assert [problem.where for problem in error.value.problems] == [f"rel/config.toml:{line}:3" for line in (4, 7, 12)]


def test_a_problem_of_one_value_of_an_array_is_told_where_that_value_is_written() -> None:
    written = {"plugins": 3, "plugins.0": 4, "plugins.1": 5, "find_links": 6, "find_links.0": 7}
    written |= {"command": 8, "command.0": 8, "command.1": 9}
    profile = profile_of(
        plugins=("rel/a.py", "rel/b.py"),
        find_links=("gone",),
        entry_point="",
        command=("gunicorn", "{socket.web}"),
        origins={name: origin_of(name, line=line) for name, line in written.items()},
    )
    paths = {"rel/a.py": file_fact(), "rel/b.py": PathFact(kind="missing")}
    with pytest.raises(ProjectError) as error:
        make_plan(profile, facts_of(paths=paths))

    assert [problem.where for problem in error.value.problems] == [f"rel/config.toml:{line}:3" for line in (5, 7, 9)]


def test_two_sockets_cannot_listen_at_one_address() -> None:
    sockets = {"web": "${HOST}:80", "admin": "${HOST}:80", "any": "127.0.0.1:0", "other": "127.0.0.1:0"}
    with pytest.raises(ProjectError) as error:
        make_plan(profile_of(sockets=sockets), facts_of())

    (problem,) = error.value.problems
    assert problem.what == "'admin' has the address of 'web', and only one of them can listen there"
