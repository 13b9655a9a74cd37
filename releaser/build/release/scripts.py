"""How do hooks and commands get into a release? As files that can be executed, whatever the mode of their source."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from releaser.build.stage.under_way import Stage
from releaser.plan.steps import CopyScripts, Script


def copy_scripts(step: CopyScripts, stage: Stage) -> None:
    """Put every script in its place; in dev_mode a link to the source, so that edits are live."""
    for script in step.scripts:
        to = stage.release / script.to
        to.parent.mkdir(parents=True, exist_ok=True)
        if script.text:
            _write(to, script.text)
        elif not step.dev_mode:
            shutil.copyfile(script.source, to)
            to.chmod(0o755)
        elif script.executable:
            to.symlink_to(script.source.resolve())
        else:
            _write(to, wrapper(script))


def wrapper(script: Script) -> str:
    """Return a script that runs a source without executable bit, by the interpreter that its first line names."""
    words = shlex.join((*(script.shebang or ("sh",)), str(script.source.resolve())))
    return f'#!/bin/sh\n# runs the source, which has no executable bit\nexec {words} "$@"\n'


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
