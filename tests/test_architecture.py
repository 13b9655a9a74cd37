"""Who may import whom: the table of the design, no cycles, and a runtime that is a guest."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "releaser"
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "plugins": frozenset({"errors"}),
    "runtime": frozenset(),
    "config": frozenset({"errors"}),
    "plan": frozenset({"errors", "config", "runtime"}),
    "artifacts": frozenset({"errors", "runtime"}),
    "build": frozenset({"errors", "plan", "artifacts", "runtime", "plugins"}),
    "init": frozenset({"errors", "config", "plan"}),
    "migrations": frozenset({"errors"}),
    "cli": frozenset({"errors", "config", "plan", "artifacts", "build", "init", "migrations", "runtime"}),
    "__main__": frozenset({"cli", "runtime"}),
    "__init__": frozenset(),
}
ROOMS_OF_THE_RUNTIME = (
    "progress",
    "release",
    "archives",
    "protocol",
    "bundle",
    "instance",
    "supervisor",
    "migrations",
    "commands",
)
"""From the ground up: each imports only those before it. `progress` is a module of its own, since apps import it."""
ROOMS_OF_THE_BUILD = (
    "tools",
    "stage",
    "interpreter",
    "project",
    "dependencies",
    "bundle",
    "release",
    "archive",
    "publish",
    "step_table",
    "executor",
)
"""From the ground up as well; the last two are modules that stand above all rooms."""
WIDEST_FOLDER = 15
"""Modules in a folder: past that nobody can see which to open."""
WIDEST_FOR_A_REASON: Mapping[str, int] = {"runtime/commands": 20}
OF_THE_RUNTIME: Mapping[str, frozenset[str]] = {
    "plan": frozenset({"manifest"}),
    # What looks at releases on hosts looks at artifacts too: there is one reader of archives, one check of a tree.
    "artifacts": frozenset(
        {
            "manifest",
            "record",
            "layout",
            "context",
            "failures",
            "reader",
            "rules",
            "contents",
            "tree_check",
            "bundle_check",
            "signatures",
            "versions",
            "vouched",
        }
    ),
}
MIGRATION_LIBRARIES = frozenset({"alembic", "sqlalchemy"})


def module_name(path: Path) -> str:
    parts = ["releaser", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def room_of(module: str) -> str:
    return [*module.split("."), "", ""][2]


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
FOLDERS = sorted({path.parent.relative_to(PACKAGE) for path in MODULES.values()} - {Path()})
OF_THE_BUILD = [module for module in MODULES if module.startswith("releaser.build.")]


def imports_of(module: str) -> Iterator[tuple[str, int]]:
    """Yield each import of a module, those inside functions included: its absolute name and its level of dots.

    `from package import name` names the submodule where there is one.
    """
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield (name if name in MODULES else base), node.level


def own_imports(module: str) -> list[str]:
    return [name for name, _ in imports_of(module) if name.split(".")[0] == "releaser"]


@pytest.mark.parametrize("module", MODULES)
def test_a_part_imports_only_what_the_table_allows(module: str) -> None:
    part = part_of(module)
    wrong = [name for name in own_imports(module) if part_of(name) not in MAY_IMPORT[part] | {part}]
    assert wrong == []


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) in ("plan", "artifacts")])
def test_of_the_runtime_the_plan_knows_the_manifest_and_readers_of_artifacts_what_reads_them_on_hosts(
    module: str,
) -> None:
    runtime = {name.rpartition(".")[2] for name in own_imports(module) if part_of(name) == "runtime"}
    assert runtime <= OF_THE_RUNTIME[part_of(module)]


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) == "runtime"])
def test_the_runtime_imports_the_standard_library_and_itself_relatively(module: str) -> None:
    allowed = sys.stdlib_module_names | {"__future__", "compression"}  # the last is a part of it from 3.14 on (PEP 784)
    if module.startswith("releaser.runtime.migrations."):
        allowed = allowed | MIGRATION_LIBRARIES
    entry = module == "releaser.runtime.__main__"  # gives the runtime its name first, so it cannot be relative
    wrong = [
        name
        for name, level in imports_of(module)
        if (level == 0 and name.split(".")[0] not in allowed and not (entry and name.startswith("releaser.runtime")))
        or (level and part_of(name) != "runtime")
    ]
    assert wrong == []


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) == "runtime"])
def test_a_room_of_the_runtime_imports_only_those_below_it(module: str) -> None:
    room = room_of(module)
    if room not in ROOMS_OF_THE_RUNTIME:
        return  # the entry of the launcher, and what the app imports
    below = ROOMS_OF_THE_RUNTIME[: ROOMS_OF_THE_RUNTIME.index(room) + 1]
    assert [name for name in own_imports(module) if room_of(name) not in below] == []


@pytest.mark.parametrize("module", OF_THE_BUILD)
def test_a_room_of_the_build_imports_only_those_below_it(module: str) -> None:
    below = ROOMS_OF_THE_BUILD[: ROOMS_OF_THE_BUILD.index(room_of(module)) + 1]
    of_the_build = [name for name in own_imports(module) if part_of(name) == "build"]
    assert [name for name in of_the_build if room_of(name) not in below] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_not_too_wide_and_says_what_it_is_for(folder: Path) -> None:
    statements = ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(statements[0], ast.Expr)  # a docstring
    named = re.findall(r"`([a-z_/]+)`", ast.unparse(statements[0]))
    assert any((PACKAGE / folder / f"{name}.py").is_file() for name in named)  # the module to open first
    widest = WIDEST_FOR_A_REASON.get(str(folder), WIDEST_FOLDER)
    assert len(list((PACKAGE / folder).glob("[!_]*.py"))) <= widest


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder.parts[0] in ("build", "runtime")])
def test_a_room_hands_on_no_names_of_its_modules(folder: Path) -> None:
    statements = ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")).body
    assert len(statements) == 1 or folder == Path("runtime")  # whose names are the app's to import


def test_no_part_of_the_supervisor_is_cut_out_of_another_by_inheritance() -> None:
    found = {
        f"{node.name}({ast.unparse(base)})"
        for module, path in MODULES.items()
        if module.startswith("releaser.runtime.supervisor.")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not any(ast.unparse(base) == "Protocol" for base in node.bases)
        for base in node.bases
    }
    # What is only declared is a Protocol; two kinds of job, and a hook that no file stands for, are the thing itself.
    assert found == {"HookRun(Job)", "Task(Job)", "MigrationHook(Hook)"}


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: {name for name in own_imports(module) if name in MODULES} - {module} for module in MODULES}
    assert find_cycle(graph) == []


def find_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one cycle, or nothing."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target in sorted(graph[module]):
            if cycle := visit(target, [*way, module]):
                return cycle
        done.add(module)
        return []

    for module in graph:
        if cycle := visit(module, []):
            return cycle
    return []


def test_a_cycle_would_be_found() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_no_module_has_the_name_of_one_of_the_standard_library() -> None:
    names = {name.rpartition(".")[2] for name in MODULES if not name.endswith("__main__")}
    # A profile is the design's own word, and the library's module of that name is on its way out (PEP 799).
    assert names & sys.stdlib_module_names <= {"profile"}
