"""A build that leaves sources out says which of the project's modules would read them."""

from __future__ import annotations

from pathlib import Path

from support.builds import releaser
from support.tiny_project import make_tiny_project


def test_a_build_without_sources_names_the_module_that_reads_them(tmp_path: Path) -> None:
    project = make_tiny_project(tmp_path)
    (project / "src" / "tiny" / "shown.py").write_text("import inspect\nTEXT = inspect.getsource(inspect)\n")
    told = "tiny/shown.py:2: inspect.getsource finds nothing in this release, include_src is false"

    closed = releaser(project, "build", "--env", "closed")
    assert closed.returncode == 0
    assert told in closed.stderr + closed.stdout

    prod = releaser(project, "build", "--env", "prod")
    assert prod.returncode == 0
    assert told not in prod.stderr + prod.stdout
