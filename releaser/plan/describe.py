"""How does a step read? One line each, for progress and for `releaser plan`."""

from __future__ import annotations

from releaser.plan.facts import Lock
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
    PublishArchive,
    PublishTree,
    RemoveStaging,
    Step,
    TidyBundle,
    WriteArchive,
    WriteBundle,
    WriteLauncher,
    WriteManifest,
)


def describe(step: Step) -> str:
    """Return what `step` does, in the imperative, lower case, without a full stop."""
    match step:
        case BuildWheel():
            return "build the project's wheel"
        case InstallDependencies(lock=lock):
            return _install(lock)
        case InstallProject(dev_mode=dev_mode):
            return "link the project's source tree" if dev_mode else "install the project"
        case TidyBundle():
            return "remove what differs from machine to machine"
        case AddRuntime():
            return "add the runtime"
        case CheckBundle():
            return "check the entry point"
        case CopyMigrations(dev_mode=dev_mode):
            return "link the migrations and read their graph" if dev_mode else "copy the migrations, read their graph"
        case CompileBundle(include_src=include_src):
            return "compile byte code" if include_src else "compile byte code, leave the project's sources out"
        case BundlePython(prefix=prefix):
            return "copy the interpreter" + (f" in {prefix}" if prefix else "")
        case WriteBundle():
            return "write the bundle"
        case CopyScripts(scripts=scripts, dev_mode=dev_mode):
            what = "hook or command" if len(scripts) == 1 else "hooks and commands"
            return f"{'link' if dev_mode else 'copy'} {len(scripts)} {what}"
        case WriteLauncher():
            return "write the launcher"
        case WriteManifest():
            return "write the manifest"
        case WriteArchive():
            return "write the archive"
        case PublishArchive():
            return "publish the archive"
        case PublishTree():
            return "publish the release"
        case CarryVar():
            return "keep var from the previous build"
        case RemoveStaging():
            return "remove the staging folder"


def _install(lock: Lock | None) -> str:
    if lock is None:
        return "resolve and install dependencies (no lock file)"
    if lock.packages == 0:
        return f"install nothing: {lock.path.name} names no dependency"
    noun = "dependency" if lock.packages == 1 else "dependencies"
    return f"install {lock.packages} locked {noun} from {lock.path.name}"
