"""From a profile and facts to a plan: what will be built, by which steps, or everything that forbids it."""

from __future__ import annotations

from collections.abc import Mapping

from releaser.config.profile import Profile
from releaser.errors import ProjectError
from releaser.plan.checks import place_of, problems_of, warnings_of
from releaser.plan.facts import Facts, Project
from releaser.plan.hooks import hooks_and_scripts, script_of
from releaser.plan.steps import (
    AddRuntime,
    BuildWheel,
    BundlePython,
    CarryVar,
    CheckBundle,
    CompileBundle,
    CopyMigrations,
    CopyScripts,
    InstallDependencies,
    InstallProject,
    Plan,
    PublishArchive,
    PublishTree,
    RemoveStaging,
    Script,
    Sketch,
    Step,
    TidyBundle,
    WriteArchive,
    WriteBundle,
    WriteLauncher,
    WriteManifest,
)
from releaser.runtime.manifest import Command, Hook, Readiness, Socket


def make_plan(profile: Profile, facts: Facts) -> Plan:
    """Return the plan for a build of `profile`.

    Raises:
        ProjectError: with a problem for each thing that forbids it.
    """
    version = _version(profile, facts)
    problems = problems_of(profile, facts, version)
    target = profile.root / profile.output_dir / profile.environment
    if problems or facts.project is None or facts.interpreter is None:
        raise ProjectError(
            f"cannot build {profile.name} for {profile.environment}",
            problems=problems,
            now=f"nothing was built; {profile.output_dir}/{profile.environment} is untouched",
        )
    hooks, scripts = hooks_and_scripts(profile, facts.paths)
    commands, command_scripts = _commands(profile, facts)
    return Plan(
        root=profile.root,
        target=target,
        interpreter=facts.interpreter,
        sketch=_sketch(profile, facts, version, hooks, commands),
        steps=_steps(profile, facts, facts.project, (*scripts, *command_scripts)),
        warnings=warnings_of(profile, facts),
    )


def _version(profile: Profile, facts: Facts) -> str:
    match profile.version:
        case "project":
            return facts.project.version if facts.project else ""
        case "git":
            return facts.git.description.removeprefix("v") if facts.git else ""
        case literal:
            return literal


def _commands(profile: Profile, facts: Facts) -> tuple[tuple[Command, ...], tuple[Script, ...]]:
    commands: list[Command] = []
    scripts: list[Script] = []
    for name, file in sorted(profile.commands.items()):
        to = f"commands/{name}"
        commands.append(Command(name=name, path=to, summary=facts.paths[file].summary))
        scripts.append(script_of(profile.root, file, to, facts.paths[file]))
    return tuple(commands), tuple(scripts)


def _sketch(
    profile: Profile, facts: Facts, version: str, hooks: tuple[Hook, ...], commands: tuple[Command, ...]
) -> Sketch:
    readiness = profile.readiness
    return Sketch(
        name=profile.name,
        version=version,
        environment=profile.environment,
        hooks=hooks,
        commands=commands,
        sockets=tuple(Socket(name=name, address=address) for name, address in sorted(profile.sockets.items())),
        readiness=Readiness(
            kind=readiness.kind,
            target=readiness.target,
            timeout_s=readiness.timeout_s,
            interval_s=readiness.interval_s,
        ),
        stop_timeout_s=profile.stop_timeout_s,
        required_env=tuple(profile.required_env),
        env=dict(profile.env),
        inputs=_inputs(facts),
    )


def _inputs(facts: Facts) -> Mapping[str, str]:
    inputs = dict(facts.tools)
    inputs["config"] = f"sha256:{facts.config_sha256}"
    if facts.lock is not None:
        inputs["lock"] = f"{facts.lock.path.name} sha256:{facts.lock.sha256}"
    if facts.git is not None:
        inputs["git"] = facts.git.revision + ("-dirty" if facts.git.dirty else "")
    return inputs


def _steps(profile: Profile, facts: Facts, project: Project, scripts: tuple[Script, ...]) -> tuple[Step, ...]:
    """Return the steps: what can fail for the author's reasons comes first, what others can see comes last."""
    steps: list[Step] = [
        BuildWheel(project=project.folder),
        InstallDependencies(project=project.folder, lock=facts.lock),
        InstallProject(project=project.folder, dev_mode=profile.dev_mode),
        TidyBundle(),
        AddRuntime(),
        _check_bundle(profile),
    ]
    if profile.migrations is not None and facts.migrations_folder is not None:
        steps.append(
            CopyMigrations(
                scripts=facts.migrations_folder,
                config=facts.migrations_config,
                url=profile.migrations.url,
                run=profile.migrations.run,
                dev_mode=profile.dev_mode,
                place=profile.migrations.origin.problem(""),
            )
        )
    steps.append(CompileBundle(include_src=profile.include_src, dev_mode=profile.dev_mode))
    if profile.include_python is not False:
        prefix = profile.include_python if isinstance(profile.include_python, str) else ""
        steps.append(BundlePython(prefix=str(profile.root / prefix) if prefix else ""))
    steps.append(WriteBundle())
    if scripts:
        steps.append(CopyScripts(scripts=scripts, dev_mode=profile.dev_mode))
    steps += [WriteLauncher(), WriteManifest()]
    if not profile.dev_mode:
        steps += [WriteArchive(), PublishArchive()]
    return (*steps, PublishTree(), CarryVar(), RemoveStaging())


def _check_bundle(profile: Profile) -> CheckBundle:
    calls = [(spec.call, spec.origin.problem("")) for specs in profile.hooks.values() for spec in specs if spec.call]
    if profile.readiness.kind == "call":
        calls.append((profile.readiness.target, place_of(profile, "readiness")))
    setting = "entry_point" if profile.entry_point else "command"
    return CheckBundle(
        entry_point=profile.entry_point,
        command=profile.command,
        calls=tuple(calls),
        place=place_of(profile, setting),
    )
