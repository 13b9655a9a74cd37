"""How does a step read? One line each, for progress and for `releaser plan`."""

from __future__ import annotations

from releaser.plan.facts import Lock, Wanted
from releaser.plan.steps import (
    AddRuntime,
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
    PublishArchive,
    PublishTree,
    RemoveStaging,
    RunCommands,
    RunPlugins,
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


def describe(step: Step) -> str:
    """Return what `step` does, in the imperative, lower case, without a full stop."""
    match step:
        case BuildWheel(is_tree=is_tree):
            return "describe the project as a package" if is_tree else "build the project's wheel"
        case StageTree(is_shipped=is_shipped, dev_mode=dev_mode):
            what = "link the project's folder" if dev_mode else "copy the project's files"
            return what if is_shipped else f"{what} for the build's steps"
        case FinishTree():
            return "sort out what of the project's files goes into the bundle"
        case RunCommands(commands=commands, when=when):
            noun = "step" if len(commands) == 1 else "steps"
            return f"run {len(commands)} build {noun} {when} the dependencies are there"
        case InstallDependencies(lock=lock, wanted=wanted, without_debug_info=without):
            return _install(lock, wanted, ", without debug info" if without else "")
        case InstallProject(dev_mode=dev_mode):
            return "link the project's source tree" if dev_mode else "install the project"
        case TidyBundle():
            return "remove what differs from machine to machine"
        case StripBundle(tests=tests, docs=docs, type_stubs=type_stubs):
            named = [word for word, wanted in (("tests", tests), ("docs", docs), ("type stubs", type_stubs)) if wanted]
            return f"leave out the dependencies' {', '.join(named)}"
        case AddRuntime():
            return "add the runtime"
        case CheckBundle():
            return "check the entry point"
        case CopyMigrations(spec=spec, dev_mode=dev_mode):
            which = f"the migrations of {spec.name}" if spec.is_named else "the migrations"
            return f"link {which} and read their graph" if dev_mode else f"copy {which}, read their graph"
        case NoteMigrationCommand(spec=spec):
            which = f"the migrations of {spec.name}" if spec.is_named else "the migrations"
            return f"note what runs {which}: {spec.command[0]}"
        case CompileBundle(include_src=include_src):
            return "compile byte code" if include_src else "compile byte code, leave the project's sources out"
        case BundlePython(prefix=prefix, include_libc=include_libc):
            what = "copy the interpreter and its C library" if include_libc else "copy the interpreter"
            return what + (f" in {prefix}" if prefix else "")
        case CheckGlibc(maximum=maximum):
            return f"check that glibc {maximum} is enough"
        case WriteBundle():
            return "write the bundle"
        case CopyScripts(scripts=scripts, dev_mode=dev_mode):
            what = "hook or command" if len(scripts) == 1 else "hooks and commands"
            return f"{'link' if dev_mode else 'copy'} {len(scripts)} {what}"
        case CopyOverlays(overlays=overlays, dev_mode=dev_mode):
            what = "file or folder" if len(overlays) == 1 else "files and folders"
            return f"{'link' if dev_mode else 'copy'} {len(overlays)} {what} of overlays"
        case WriteLauncher():
            return "write the launcher"
        case WriteManifest():
            return "write the manifest"
        case WriteArchive():
            return "write the archive"
        case WriteRunFile():
            return "write the file that runs"
        case WriteSidecars():
            return "write bill of materials, provenance, record and checksums"
        case Sign():
            return "sign the checksums"
        case PublishArchive():
            return "publish the archive"
        case PublishTree():
            return "publish the release"
        case CarryVar():
            return "keep var from the previous build"
        case RunPlugins(event=event):
            return f"run the plugins: {event}"
        case RemoveStaging():
            return "remove the staging folder"


def _install(lock: Lock | None, wanted: Wanted | None, without: str) -> str:
    if lock is None:
        if wanted is None:
            return "install nothing: the project has no dependencies"
        return f"resolve and install {wanted.asks} (no lock file){without}"
    count = len(lock.packages)
    if not count:
        return f"install nothing: {lock.path.name} names no dependency"
    noun = "dependency" if count == 1 else "dependencies"
    return f"install {count} locked {noun} from {lock.path.name}{without}"
