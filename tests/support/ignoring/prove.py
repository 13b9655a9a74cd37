"""Makes `releaser` ignore one setting after the other, and sees the tests of `tested_settings` fail.

    python tests/support/ignoring/prove.py [SETTING ...]

Each setting is ignored twice: forgotten when the profile is made, and, for those that the runtime reads, written into
the manifest and not looked at in a release. It takes about an hour for all of them, so it is no test.

A setting counts as seen if its test fails, passes while nothing is ignored, and if some profile or manifest did hold
another value than its default: a test that fails for another reason proves nothing.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tested_settings import TESTS  # noqa: E402

LIMIT_S = 1800
BUILD_ONLY = {
    *("default_release", "default_environment", "release", "environment", "extends", "project", "version", "lock"),
    *("extras", "groups", "platform", "python_version", "find_links", "entry_point", "command", "output_dir"),
    *("dev_mode", "include_python", "include_libc", "glibc_max", "include_src", "overlays", "overlay_vars", "plugins"),
    *("strip", "archive", "executable", "version.command", "process.entry_point", "process.command"),
    *("migrations.lint", "migrations.lint_ignore", "migrations.script_location"),
}


def halves(setting: str) -> tuple[str, ...]:
    """Return the halves of releaser that read this setting."""
    outer = setting.partition(".")[0]
    return ("config",) if {setting, outer} & BUILD_ONLY else ("config", "runtime")


def outcome(setting: str, half: str, test: str) -> str:
    """Return what `test` makes of it that `half` ignores `setting`: "seen", or why it does not count."""
    if code := result_of(test):
        return f"fails with {code} while nothing is ignored"
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        report = Path(folder, "report")
        code = run(test, IGNORED_SETTING=setting, IGNORED_BY=half, IGNORED_REPORT=str(report))
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    broken = [line for line in lines if line.startswith("broken")]
    if broken:
        return broken[0]
    if "changed" not in lines:
        return "no value was another than the default" if lines else "nothing was read"
    return {0: "passes", 1: "seen"}.get(code, f"pytest ended with {code}")


@functools.cache
def result_of(test: str) -> int:
    """Return pytest's exit code for `test` while nothing is ignored."""
    return run(test)


def run(test: str, **changes: str) -> int:
    """Return pytest's exit code, or -9 after `LIMIT_S`; nothing that it started outlives it."""
    env = {**os.environ, **changes, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=900", test]
    process = subprocess.Popen(
        command,
        cwd=HERE.parents[2],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def main() -> int:
    """Return 1 when a setting can be ignored without a test that fails."""
    unseen = 0
    for setting in sys.argv[1:] or TESTS:
        for half in halves(setting):
            found = []
            for test in TESTS[setting]:
                found.append(outcome(setting, half, test))
                if found[-1] == "seen":
                    break
            is_seen = "seen" in found
            unseen += not is_seen
            why = "" if is_seen else f": {'; '.join(found)}"
            print(f"{'seen' if is_seen else 'NOT SEEN':9} {half:8} {setting}{why}", flush=True)
    print(f"{unseen} can be ignored unseen" if unseen else "each is seen", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
