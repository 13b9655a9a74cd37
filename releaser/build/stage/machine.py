"""What, besides the lock, decides what is installed and compiled on this machine?"""

from __future__ import annotations

import os

from releaser.build.stage.under_way import Stage


def machine_key(stage: Stage) -> tuple[str, ...]:
    """Return a part of the key of what is kept: the interpreter, the C library, the tools."""
    interpreter = stage.plan.interpreter
    inputs = stage.plan.sketch.inputs
    return (
        str(interpreter.path),
        interpreter.full_version,
        interpreter.implementation,
        interpreter.version,
        interpreter.platform,
        interpreter.wheels_platform,
        str(interpreter.compiles),
        os.confstr("CS_GNU_LIBC_VERSION") or "" if "CS_GNU_LIBC_VERSION" in os.confstr_names else "",
        stage.installer.kind,
        *(f"{name} {version}" for name, version in sorted(inputs.items()) if name in ("releaser", "uv", "shiv")),
    )
