"""From a profile and facts to a plan: what will be built, by which steps, or everything that forbids it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from releaser.config.profile import Profile, StripSpec
from releaser.errors import Problem, ProjectError, in_file_order
from releaser.plan.checks import problems_of, warnings_of
from releaser.plan.facts import Facts, MigrationsFact, Project
from releaser.plan.hooks import hooks_and_scripts, script_of
from releaser.plan.overlays import place_overlays
from releaser.plan.places import place_of
from releaser.plan.plan import Plan, Plugin, Sketch
from releaser.plan.processes import (
    heart_of,
    liveness_of,
    migration_program,
    process_calls,
    process_problems,
    process_sketches,
    programs_of,
    readiness_of,
)
from releaser.plan.project.application import sources_root
from releaser.plan.project.interpreter import is_version
from releaser.plan.steps import (
    RESOLVED,
    AddRuntime,
    BuildCommand,
    BuildWheel,
    BundlePython,
    CarryVar,
    CheckBundle,
    CheckGlibc,
    CompileBundle,
    CopyMigrations,
    CopyOverlays,
    CopyScripts,
    FinishTree,
    InstallDependencies,
    InstallProject,
    NoteMigrationCommand,
    Overlay,
    PublishArchive,
    PublishTree,
    RemoveStaging,
    RunCommands,
    RunPlugins,
    Script,
    Sign,
    StageTree,
    Step,
    StripBundle,
    TidyBundle,
    WriteArchive,
    WriteBundle,
    WriteLauncher,
    WriteManifest,
    WriteRunFile,
    WriteSidecars,
)
from releaser.runtime.release.manifest import Command, Hook, Log, Socket

_OF_SETTINGS = ("DJANGO_SETTINGS_MODULE",)
"""Variables whose value is the name of a module."""


def make_plan(profile: Profile, facts: Facts) -> Plan:
    """Return the plan for a build of `profile`.

    Raises:
        ProjectError: with a problem for each thing that forbids it.
    """
    version = _version(profile, facts)
    overlays, overlay_problems = place_overlays(profile, facts, version)
    problems = (*problems_of(profile, facts, version), *process_problems(profile), *overlay_problems)
    target = profile.root / profile.output_dir / profile.environment
    if problems or facts.project is None or facts.interpreter is None:
        raise ProjectError(
            f"cannot build {profile.name} for {profile.environment}",
            problems=in_file_order(problems),
            now=f"nothing was built; {profile.output_dir}/{profile.environment} is untouched",
        )
    hooks, scripts = hooks_and_scripts(profile, facts.paths)
    commands, command_scripts = _commands(profile, facts)
    return Plan(
        root=profile.root,
        target=target,
        interpreter=facts.interpreter,
        sketch=_sketch(profile, facts, version, hooks, commands),
        steps=_steps(profile, facts, facts.project, (*scripts, *command_scripts), overlays),
        warnings=warnings_of(profile, facts),
        dev_mode=profile.dev_mode,
        find_links=tuple((profile.root / folder).resolve() for folder in profile.find_links),
        plugins=_plugins(profile),
        overlay_vars=dict(profile.overlay_vars),
    )


def signed(plan: Plan, key: Path) -> Plan:
    """Return `plan` with a step that signs what it makes with `key`.

    Raises:
        ProjectError: it makes nothing that moves between machines.
    """
    publish = next((step for step in plan.steps if isinstance(step, PublishArchive)), None)
    if publish is None:
        raise ProjectError(
            f"cannot sign {plan.sketch.name} for {plan.sketch.environment}: it makes no archive",
            now="nothing was built",
        )
    at = plan.steps.index(publish)
    return replace(plan, steps=(*plan.steps[:at], Sign(key=key), *plan.steps[at:]))


def _version(profile: Profile, facts: Facts) -> str:
    match profile.version:
        case "project":
            of_files = facts.project.version if facts.project else ""
            says_none = facts.project is not None and not facts.project.source
            return of_files or (_described_by_git(facts) if says_none else "")
        case "git":
            return _described_by_git(facts)
        case str() as literal:
            return literal
        case _:
            return facts.version_answer.version if facts.version_answer else ""


def _described_by_git(facts: Facts) -> str:
    return facts.git.description.removeprefix("v") if facts.git else ""


def _commands(profile: Profile, facts: Facts) -> tuple[tuple[Command, ...], tuple[Script, ...]]:
    commands: list[Command] = []
    scripts: list[Script] = []
    for name, file in sorted(profile.commands.items()):
        if not isinstance(file, str):
            commands.append(Command(name=name, path="", summary=" ".join(file), words=list(file)))
            continue
        to = f"commands/{name}"
        commands.append(Command(name=name, path=to, summary=facts.paths[file].summary))
        scripts.append(script_of(profile.root, file, to, facts.paths[file]))
    return tuple(commands), tuple(scripts)


def _sketch(
    profile: Profile, facts: Facts, version: str, hooks: tuple[Hook, ...], commands: tuple[Command, ...]
) -> Sketch:
    return Sketch(
        name=profile.name,
        version=version,
        environment=profile.environment,
        hooks=hooks,
        commands=commands,
        sockets=tuple(Socket(name=name, address=address) for name, address in profile.sockets.items()),
        readiness=readiness_of(profile.readiness, (*profile.command, profile.entry_point)),
        heart=heart_of(profile.heart),
        liveness=liveness_of(profile.liveness),
        processes=process_sketches(profile),
        log=Log(size_bytes=profile.log.size_bytes, count=profile.log.count),
        stop_timeout_s=profile.stop_timeout_s,
        drain_s=profile.drain_s,
        required_env=tuple(profile.required_env),
        env=dict(profile.env),
        env_file=profile.env_file,
        working_directory=profile.working_directory,
        config_providers=profile.config_providers,
        python_args=profile.python_args,
        python_optimize=profile.python_optimize,
        inputs=_inputs(facts),
    )


def _inputs(facts: Facts) -> Mapping[str, str]:
    inputs = dict(facts.tools)
    inputs["config"] = f"sha256:{facts.config_sha256}"
    if facts.lock is not None:
        inputs["lock"] = f"{facts.lock.path.name} sha256:{facts.lock.sha256}"
    elif facts.wanted is not None:
        inputs["lock"] = f"none, resolved by the build: {RESOLVED}"
    if facts.git is not None:
        inputs["git"] = facts.git.revision + ("-dirty" if facts.git.dirty else "")
    return inputs


def _steps(
    profile: Profile, facts: Facts, project: Project, scripts: tuple[Script, ...], overlays: tuple[Overlay, ...]
) -> tuple[Step, ...]:
    """Return the steps: what can fail for the author's reasons comes first, what others can see comes last."""
    is_tree = is_folder(profile, project)
    tree = tuple(_tree(profile, project))
    first, later = (_commands_of(profile, when) for when in ("before", "after"))
    steps: list[Step] = [
        *tree,
        *first,
        BuildWheel(project=project.folder, is_tree=is_tree, is_staged=bool(first)),
        InstallDependencies(
            project=project.folder,
            lock=facts.lock,
            optimize=profile.python_optimize,
            wanted=facts.wanted,
            extras=profile.extras,
            groups=profile.groups,
            without_debug_info=profile.strip.debug_info,
            keep=profile.strip.keep if profile.strip.debug_info else (),
        ),
        InstallProject(project=project.folder, dev_mode=profile.dev_mode),
        TidyBundle(),
        AddRuntime(optimize=profile.python_optimize),
        *later,
        *(FinishTree(tree=each) for each in tree),
        _check_bundle(profile),
    ]
    strip = profile.strip
    if strip.tests or strip.docs or strip.type_stubs:
        after_tidy = steps.index(TidyBundle()) + 1
        steps.insert(after_tidy, _strip(strip))
    steps += _migrations(profile, facts)
    steps.append(
        CompileBundle(include_src=profile.include_src, dev_mode=profile.dev_mode, optimize=profile.python_optimize)
    )
    if profile.include_python is not False:
        named = profile.include_python if isinstance(profile.include_python, str) else ""
        prefix = "" if is_version(named) else named
        steps.append(
            BundlePython(
                prefix=str(profile.root / prefix) if prefix else "",
                optimize=profile.python_optimize,
                include_libc=profile.include_libc,
                glibc_max="" if profile.include_libc else profile.glibc_max,
            )
        )
    if profile.glibc_max and not profile.include_libc:  # with a C library of its own it needs none of the host
        steps.append(CheckGlibc(maximum=profile.glibc_max, place=place_of(profile, "glibc_max")))
    steps.append(WriteBundle(is_stored=profile.archive == "tar.zst" and not profile.dev_mode))
    if scripts:
        steps.append(CopyScripts(scripts=scripts, dev_mode=profile.dev_mode))
    if overlays:
        steps.append(CopyOverlays(overlays=overlays, dev_mode=profile.dev_mode))
    steps += [WriteLauncher(), WriteManifest()]
    packages: list[Step] = []
    if not profile.dev_mode and profile.archive:
        packages.append(WriteArchive(format=profile.archive))
    if not profile.dev_mode and profile.executable:
        packages.append(WriteRunFile())
    if profile.plugins:
        steps.insert(0, RunPlugins(event="before_assembly"))
        # Before the manifest, which knows the hash of every file.
        at = steps.index(WriteManifest())
        steps[at:at] = [RunPlugins(event="after_assembly"), *([RunPlugins(event="before_package")] if packages else [])]
    if packages:
        steps += [*packages, *([RunPlugins(event="after_package")] if profile.plugins else [])]
        steps += [WriteSidecars(), PublishArchive()]
    steps += [PublishTree(), CarryVar(), RemoveStaging()]
    if profile.plugins:
        steps.append(RunPlugins(event="after_cleanup"))
    return tuple(steps)


def is_folder(profile: Profile, project: Project) -> bool:
    """Tell whether the app is the project's folder as it lies, and no wheel."""
    return profile.layout == "folder" or (not profile.layout and project.is_tree)


def _tree(profile: Profile, project: Project) -> Iterator[StageTree]:
    """Yield the step that stages the project's files, if the release has any of them or a step runs among them."""
    is_tree = is_folder(profile, project)
    is_whole = is_tree or profile.include_tree
    is_shipped = bool(is_whole or profile.files or profile.shared)
    has_steps = bool(profile.steps) and not profile.dev_mode
    if not (is_shipped or has_steps):
        return
    root = sources_root(project.folder) if is_tree else project.folder
    paths = (root.relative_to(project.folder).as_posix(), "") if root != project.folder else ("",)
    yield StageTree(
        project=project.folder,
        is_whole=is_whole,
        is_app=is_tree,
        is_shipped=is_shipped,
        is_scratch=has_steps,
        files=profile.files,
        exclude=profile.exclude,
        shared=profile.shared,
        import_paths=paths,
        dev_mode=profile.dev_mode,
        places=tuple(place_of(profile, f"files.{index}") for index in range(len(profile.files))),
    )


def _commands_of(profile: Profile, when: Literal["before", "after"]) -> tuple[RunCommands, ...]:
    """Return the step that runs the author's commands of that time, if there are any; dev_mode has none."""
    commands = tuple(
        BuildCommand(run=spec.run, env=dict(spec.env), place=spec.origin.problem(""))
        for spec in profile.steps
        if spec.when == when and not profile.dev_mode
    )
    return (RunCommands(commands=commands, when=when),) if commands else ()


def _migrations(profile: Profile, facts: Facts) -> Iterator[CopyMigrations | NoteMigrationCommand]:
    """Yield the step of each database, in the order in which they are migrated."""
    for spec in profile.migrations:
        if spec.command:
            check = migration_program(spec.name, "check") if spec.check else ""
            yield NoteMigrationCommand(spec=spec, command=migration_program(spec.name, "command"), check=check)
            continue
        fact = facts.migrations.get(spec.name, MigrationsFact())
        if fact.folder is not None:
            yield CopyMigrations(
                scripts=fact.folder,
                config=fact.config,
                squawk=facts.squawk,
                spec=spec,
                dev_mode=profile.dev_mode,
                place=spec.origin.problem(""),
            )


def _plugins(profile: Profile) -> tuple[Plugin, ...]:
    return tuple(
        Plugin(
            name=name,
            file=profile.root / name if name.endswith(".py") else None,
            place=place_of(profile, f"plugins.{index}"),
        )
        for index, name in enumerate(profile.plugins)
    )


def _strip(spec: StripSpec) -> StripBundle:
    return StripBundle(tests=spec.tests, docs=spec.docs, type_stubs=spec.type_stubs, keep=spec.keep)


def _check_bundle(profile: Profile) -> CheckBundle:
    calls = [(spec.call, spec.origin.problem("")) for specs in profile.hooks.values() for spec in specs if spec.call]
    if profile.readiness.kind == "call":
        calls.append((profile.readiness.target, place_of(profile, "readiness.call")))
    calls += [
        (call, place_of(profile, f"config_providers.{index}")) for index, call in enumerate(profile.config_providers)
    ]
    calls += process_calls(profile)
    return CheckBundle(programs=programs_of(profile), modules=tuple(_named_modules(profile)), calls=tuple(calls))


def _named_modules(profile: Profile) -> Iterator[tuple[str, Problem]]:
    """Yield each module that is imported because a variable names it."""
    for name in _OF_SETTINGS:
        module = profile.env.get(name, "")
        if module and "$" not in module:
            yield module, place_of(profile, f"env.{name}")
