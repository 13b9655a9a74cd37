"""How the revision graph is read: in the release's own interpreter, with its own packages, without network."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from releaser.errors import Problem, ProjectError

from .graph import Found, Graph, make_graph
from .linting import Linting, dialect_of, lint_revisions, offline_dialect

PROBE = Path(__file__).with_name("probe.py")
LIMIT_S = 120
NOW = "nothing was built"


def read_graph(
    scripts: Path,
    *,
    python: Path,
    site_packages: Path,
    source_paths: tuple[str, ...] = (),
    config: Path | None = None,
    root: Path | None = None,
    own_modules: tuple[str, ...] = (),
    lint_ignore: tuple[str, ...] = (),
    squawk: Path | None = None,
) -> Graph:
    """Return the revision graph of alembic's folder `scripts`.

    `python` is the interpreter that the release will run on, `site_packages` its staged packages, `source_paths` the
    folders that dev_mode puts before them, `config` an alembic.ini or pyproject.toml. Paths in problems are relative
    to `root` where they lie below it. `own_modules` are the project's modules in `site_packages`, whose imports must
    not write anything either. `lint_ignore` are rules that are accepted everywhere, `squawk` that program if there is
    one.

    Raises:
        ProjectError: everything that is wrong with the folder, with file names.
    """
    request = {
        "scripts": str(scripts.absolute()),
        "site_packages": str(site_packages.absolute()),
        "source_paths": list(source_paths),
        "own_modules": list(own_modules),
        "config": str(config.absolute()) if config is not None else "",
        "dialect": offline_dialect(dialect_of(site_packages)),
    }
    answer = _ask(python, request, scripts)
    problems = tuple(
        Problem(where=_shown(item["where"], root, scripts), what=item["what"], hint=item.get("hint", ""))
        for item in answer["problems"]
    )
    found = [_found(item, root, scripts) for item in answer["files"]]
    graph, of_graph = make_graph(found, answer["version_table"])
    if answer["is_readable"]:
        problems += of_graph
    if problems or graph is None:
        raise ProjectError(
            f"cannot use the migrations in {_shown(str(scripts), root, scripts)}", problems=problems, now=NOW
        )
    paths = {item["revision"]: Path(item["path"]) for item in answer["files"]}
    judgements, of_squawk, trouble = lint_revisions(
        [paths[revision] for revision in graph.line],
        python=python,
        site_packages=site_packages,
        source_paths=source_paths,
        own_modules=own_modules,
        linting=Linting(accepted=lint_ignore, squawk=squawk, root=root),
        recorded=answer["recorded"],
    )
    findings = [*(finding for one in judgements for finding in one.findings), *of_squawk]
    places = {revision: number for number, revision in enumerate(graph.line)}
    findings.sort(key=lambda one: (places.get(one.revision, 0), one.line, one.rule))
    return replace(
        graph,
        version_table_schema=answer["version_table_schema"],
        url_is_used=answer["url_is_used"],
        findings=tuple(replace(finding, path=_shown(finding.path, root, scripts)) for finding in findings),
        trouble=trouble,
        post=tuple(one.revision for one in judgements if one.phase == "post"),
        compatible={one.revision: one.compatible for one in judgements if one.compatible is not None},
        titles={item["revision"]: item["title"] for item in answer["files"]},
        paths={revision: _shown(str(path), root, scripts) for revision, path in paths.items()},
    )


def _ask(python: Path, request: Mapping[str, Any], scripts: Path) -> dict[str, Any]:
    """Run the probe and return its answer.

    Raises:
        ProjectError: it did not answer: a revision that ends the process, or never ends, when it is imported.
    """
    with tempfile.TemporaryDirectory(prefix="releaser-") as folder:
        try:
            # -B: nothing may appear in the author's source tree.
            done = subprocess.run(
                [str(python), "-I", "-S", "-B", str(PROBE)],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProjectError(
                f"cannot read the migrations in {scripts}: not done within {LIMIT_S} s", now=NOW
            ) from error
        except OSError as error:
            raise ProjectError(f"cannot read the migrations: {python}: {error.strerror}", now=NOW) from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ProjectError(
            f"cannot read the migrations in {scripts}: importing them ended with exit code {done.returncode}",
            output=tuple(done.stderr.splitlines()[-20:]),
            now=NOW,
        ) from error
    return answer


def _found(item: Mapping[str, Any], root: Path | None, scripts: Path) -> Found:
    return Found(
        path=_shown(item["path"], root, scripts),
        revision=item["revision"],
        down=tuple(item["down"]),
        depends_on=tuple(item["depends_on"]),
        labels=tuple(item["labels"]),
        has_upgrade=item["has_upgrade"],
        complaints=tuple(item["complaints"]),
        sha256=item["sha256"],
        error=item["error"],
        line=item["line"],
    )


def _shown(path: str, root: Path | None, scripts: Path) -> str:
    """Return `path` relative to `root`, or else to the folder that holds the scripts, if it lies below it."""
    if not path:
        return ""
    for start in (root, scripts.absolute().parent):
        if start is not None and Path(path).absolute().is_relative_to(start.absolute()):
            return str(Path(path).absolute().relative_to(start.absolute()))
    return path
