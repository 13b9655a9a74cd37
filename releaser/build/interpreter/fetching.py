"""How does a Python that is not on this machine get here? uv installs it, where its settings and the network allow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import uv

from releaser.build.tools.commands import Program, ProgramFailed, runner
from releaser.build.tools.installers import choose_installer
from releaser.build.tools.report import Report


def fetch_python(version: str, folder: Path, report: Report, find_uv: Callable[[], str] = uv.find_uv_bin) -> None:
    """Have uv install Python `version`, asked in the project's `folder`; what forbids it is told, and left at that."""
    installer = choose_installer(Path(), find_uv)
    if installer.kind != "uv":
        report.note(f"Python {version} is not on this machine, and there is no uv to fetch it")
        return
    report.step(f"fetch Python {version}, which is not on this machine")
    words = ("python", "install", "--quiet", "--no-bin", version)
    try:
        runner(report)(Program(argv=(*installer.program, *words), folder=folder))
    except ProgramFailed as error:
        last = next((line.strip() for line in reversed(error.lines) if line.strip()), str(error))
        report.note(f"uv could not fetch Python {version}: {last}")
