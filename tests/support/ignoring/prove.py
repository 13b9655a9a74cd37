"""Makes `releaser` ignore one setting after the other, and sees the tests of `tested_settings` fail.

    python tests/support/ignoring/prove.py [SETTING ...]

Each setting is ignored twice: forgotten when the profile is made, and, for those that the runtime reads, written into
the manifest and not looked at in a release. It takes about an hour for all of them, so it is no test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tested_settings import TESTS  # noqa: E402

BUILD_ONLY = {
    *("default_release", "default_environment", "release", "environment", "extends", "project", "version", "lock"),
    *("extras", "groups", "platform", "python_version", "find_links", "entry_point", "command", "output_dir"),
    *("dev_mode", "include_python", "include_libc", "glibc_max", "include_src", "overlays", "overlay_vars", "plugins"),
    *(
        "strip",
        "archive",
        "executable",
        "version.command",
        "migrations.lint",
        "migrations.lint_ignore",
        "migrations.released",
        "migrations.script_location",
    ),
    *("process.entry_point", "process.command"),
}


def halves(setting: str) -> tuple[str, ...]:
    """Return the halves of releaser that read this setting."""
    outer = setting.partition(".")[0]
    return ("config",) if {setting, outer} & BUILD_ONLY else ("config", "runtime")


def is_seen(setting: str, half: str, test: str) -> bool:
    """Tell whether `test` fails while `half` ignores `setting`."""
    env = {**os.environ, "IGNORED_SETTING": setting, "IGNORED_BY": half, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    return subprocess.run(command, cwd=HERE.parents[2], env=env, stdout=subprocess.DEVNULL, timeout=600).returncode == 1


def main() -> int:
    """Return 1 when a setting can be ignored without a test that fails."""
    unseen = 0
    for setting in sys.argv[1:] or TESTS:
        for half in halves(setting):
            found = any(is_seen(setting, half, test) for test in TESTS[setting])
            unseen += not found
            print(f"{'seen' if found else 'NOT SEEN':9} {half:8} {setting}", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
