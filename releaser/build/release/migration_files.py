"""How do alembic scripts get into a release? As plain files: alembic reads no zip, and no stripped sources."""

from __future__ import annotations

import pickle
import re
import shutil
import tomllib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from releaser.build.bundle.entry import has_module
from releaser.build.project.left_out import without_private_files
from releaser.build.release.released import known_revisions
from releaser.build.stage.under_way import Graph, Stage
from releaser.build.tools.cache import key_of
from releaser.build.tools.tree import hash_of
from releaser.errors import Problem, ProjectError
from releaser.plan.steps import CopyMigrations, NoteMigrationCommand
from releaser.runtime.release.manifest import Migrations

FEW = 5
"""Of a first release, which has every revision of the project, so many findings are told one by one."""
_GRAPH = "graph-and-findings"
_READER = Path(__file__).parents[2] / "migrations"
"""What reads and judges: another version of it may find something else."""


def copy_migrations(step: CopyMigrations, stage: Stage) -> None:
    """Copy scripts and configuration below the version's `migrations/`, and read the revision graph.

    Raises:
        ProjectError: alembic is not in the bundle, or the graph cannot be used.
    """
    if not has_module("alembic", stage.import_roots):
        problem = replace(
            step.place,
            what="migrations are declared, and alembic is not in the bundle",
            hint="add alembic to the project's dependencies, and lock them again",
        )
        raise ProjectError("the release could not migrate its database", problems=(problem,))
    # Of the sources, not of the copy: what is wrong with them is told by the names that the author knows.
    graph = _kept_graph(step, stage)
    _check_version_table(graph, step, stage)
    known = known_revisions(graph, stage.plan, step)
    if known:
        _check_order(graph, known)
    if step.spec.lint != "off":
        _tell_findings(graph, known, step, stage)
    folder = stage.release / "migrations"
    folder.mkdir(exist_ok=True)
    stage.migrations = (
        *stage.migrations,
        Migrations(
            name=step.spec.name,
            scripts=_scripts(step, folder, stage),
            config=_config(step, folder),
            url=step.spec.url,
            run=step.spec.run,
            version_table=graph.version_table,
            line=list(graph.line),
            heads=list(graph.heads),
            files={} if step.dev_mode else dict(graph.files),
            version_table_schema=graph.version_table_schema,
            url_is_used=graph.url_is_used,
            lock=step.spec.lock,
            lock_timeout_s=step.spec.lock_timeout_s,
            statement_timeout_s=step.spec.statement_timeout_s,
            retries=step.spec.retries,
            journal=step.spec.journal,
            backup=step.spec.backup,
            released=step.spec.released,
            compatible=dict(graph.compatible),
            targets=step.spec.targets,
            targets_at_once=step.spec.targets_at_once,
            targets_timeout_s=step.spec.targets_timeout_s,
            on_failure=step.spec.on_failure,
            after_migrate=step.spec.after_migrate,
        ),
    )


def note_migration_command(step: NoteMigrationCommand, stage: Stage) -> None:
    """Add the record of a database that a command migrates."""
    spec = step.spec
    record = Migrations(
        name=spec.name,
        scripts="",
        config="",
        url=spec.url,
        run=spec.run,
        version_table="",
        line=[],
        heads=[],
        files={},
        lock=spec.lock,
        command=stage.entries[step.command],
        check=stage.entries[step.check] if step.check else None,
    )
    stage.migrations = (*stage.migrations, record)


def _check_version_table(graph: Graph, step: CopyMigrations, stage: Stage) -> None:
    """Refuse a second line of revisions in one version table: each would find the other's revisions unknown.

    Raises:
        ProjectError: it is one, as far as the configured URLs tell.
    """
    own = (step.spec.url, graph.version_table, graph.version_table_schema)
    for other in stage.migrations:
        is_alone = not (other.targets or step.spec.targets)
        if step.spec.url and is_alone and own == (other.url, other.version_table, other.version_table_schema):
            both = f"{other.name} and {step.spec.name}"
            problem = replace(
                step.place,
                what=f"{both} keep their versions in the table {graph.version_table} of one url",
                hint="another url, or another version_table in context.configure of one env.py",
            )
            raise ProjectError("two databases would be taken for one", problems=(problem,))


def _check_order(graph: Graph, known: Collection[str]) -> None:
    """Do nothing if the new revisions can be applied in two phases.

    Raises:
        ProjectError: one is due before the new code, and comes after one that is due when the old code is gone.
    """
    problems = graph.out_of_order(known)
    if problems:
        raise ProjectError("the revisions of this release cannot be applied in two phases", problems=problems)


def _tell_findings(graph: Graph, known: Collection[str], step: CopyMigrations, stage: Stage) -> None:
    """Warn of what the rules have against revisions that the release before did not have, the `known` ones.

    Raises:
        ProjectError: there is something, and the setting `lint` is "error".
    """
    if graph.trouble:
        stage.warnings.append(graph.trouble)
    new = [finding for finding in graph.findings if finding.revision not in known]
    if new and known and step.spec.lint == "error":
        problems = tuple(Problem(where="", what=finding.sentence(), hint=finding.instead) for finding in new)
        raise ProjectError("revisions of this release would hurt", problems=problems)
    if not known and len(new) > FEW:
        revisions = len({finding.revision for finding in new})
        stage.warnings.append(f"{len(new)} findings in {revisions} revisions: releaser migrations lint shows them")
        return
    stage.warnings += [f"{finding.sentence()}; instead: {finding.instead}" for finding in new]


def _kept_graph(step: CopyMigrations, stage: Stage) -> Graph:
    """Return the graph, as it was read for an earlier build when nothing that was read then has changed."""

    def make(folder: Path) -> None:
        graph = stage.read_graph(
            step.scripts,
            python=stage.plan.interpreter.path,
            site_packages=stage.site_packages,
            source_paths=tuple(str(path) for path in stage.import_roots[:-1]),
            config=step.config,
            root=stage.plan.root,
            own_modules=_tops(stage),
            lint_ignore=step.spec.lint_ignore,
            squawk=step.squawk,
        )
        (folder / _GRAPH).write_bytes(pickle.dumps(graph))

    scripts = [path for path in sorted(step.scripts.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    key = key_of(
        {str(path.relative_to(step.scripts)): hash_of(path) for path in scripts},
        hash_of(step.config) if step.config is not None and step.config.is_file() else "",
        [layer.folder.name for layer in stage.linked.layers],
        [*stage.project_files, *stage.tree_files],  # env.py is checked for modules that are not there
        _own_modules(scripts, stage),
        str(stage.plan.interpreter.path),
        str(step.scripts),
        list(step.spec.lint_ignore),
        _identity(step.squawk),
        _identity(stage.plan.root / ".squawk.toml"),
        {path.name: hash_of(path) for path in sorted(_READER.glob("*.py"))},
    )
    with stage.cache.lock("graphs", stage.report):
        kept = stage.cache.find_or_make("graphs", key, is_whole=lambda folder: (folder / _GRAPH).is_file(), make=make)
        graph: Graph = pickle.loads((kept / _GRAPH).read_bytes())
    return graph


def _own_modules(scripts: list[Path], stage: Stage) -> dict[str, str]:
    """Return the digests of the project's modules if a revision may import them; env.py is not run to read them."""
    tops = _tops(stage)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in scripts if path.name != "env.py"]
    words = re.compile("|".join(rf"\b{re.escape(top)}\b" for top in tops) or "(?!)")
    if not any(map(words.search, texts)):
        return {}
    roots = stage.import_roots
    names = (*stage.project_files, *stage.modules_of_tree)
    paths = {name: root / name for name in names for root in reversed(roots) if (root / name).is_file()}
    return {name: hash_of(path) for name, path in paths.items()}


def _tops(stage: Stage) -> tuple[str, ...]:
    """Return the names of the project's own modules and packages."""
    names = (*stage.project_files, *stage.modules_of_tree)
    return tuple(sorted({name.partition("/")[0].removesuffix(".py") for name in names}))


def _identity(path: Path | None) -> str:
    """Return what changes when another file takes the place of `path`, "" if there is none."""
    if path is None or not path.is_file():
        return ""
    found = path.stat()
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _scripts(step: CopyMigrations, folder: Path, stage: Stage) -> str:
    if step.dev_mode:
        return str(step.scripts)
    name = step.spec.name
    shutil.copytree(step.scripts, folder / name, ignore=without_private_files(stage))
    return f"migrations/{name}"


def _config(step: CopyMigrations, folder: Path) -> str:
    if step.config is None:
        return ""
    name, below = _name(step.config), "migrations"
    if step.spec.is_named:
        # Each database may have a file of its own; no database is called so.
        folder, below = folder / f"{step.spec.name}.config", f"migrations/{step.spec.name}.config"
        folder.mkdir()
    shutil.copyfile(step.config, folder / name)
    # Alembic lets a project say some things in one file and some in the other.
    for other in (step.config.with_name(file) for file in ("alembic.ini", "pyproject.toml")):
        if _name(other) != name and _is_alembics(other):
            shutil.copyfile(other, folder / _name(other))
    return f"{below}/{name}"


def _is_alembics(path: Path) -> bool:
    """Tell whether a file is there that alembic would read something from."""
    if path.suffix != ".toml" or not path.is_file():
        return path.is_file()
    return "alembic" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})


def _name(config: Path) -> str:
    return "pyproject.toml" if config.suffix == ".toml" else "alembic.ini"
