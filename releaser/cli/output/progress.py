"""Which report suits the place where a build's progress goes?"""

from __future__ import annotations

import os
from typing import TextIO

from releaser.cli.output.heard import as_file
from releaser.cli.output.report import PlainReport, SilentReport


def report_for(stream: TextIO, *, verbose: bool, quiet: bool) -> PlainReport:
    """Return the report that suits `stream`."""
    if quiet:
        return SilentReport(stream, False)
    if not (stream.isatty() or os.environ.get("FORCE_COLOR")):
        return PlainReport(stream, verbose)
    from rich.console import Console

    from releaser.cli.output.live_report import LiveReport

    console = Console(file=as_file(stream), highlight=False)
    return LiveReport(console, verbose) if console.is_terminal else PlainReport(stream, verbose)
