"""`./dev fuzz [MINUTES [TARGET ...]]`: each target of this folder in turn, with other seeds, until the time is over.

A target is a test file. Its turn is a pytest run of at most a minute; a test that has failed once is left out of the
following turns, and what it failed with is kept in tests/fuzz/corpus-new. Ctrl-C ends it with the figures so far.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from support.fuzzing import FACTOR, KEPT, REPORT  # noqa: E402

_TURN_S = 60.0
_ENDS_WITHIN_S = 60.0
"""What the last example, and the release that a target has started, get to end."""

_WHOLE = "the run itself"
"""Failed where pytest could not run a target at all; it gets no more turns."""


@dataclass(kw_only=True)
class Target:
    """One test file and its figures."""

    path: Path
    spent_s: float = 0.0
    turns: int = 0
    examples: int = 0
    factor: float = 0.25
    failed: dict[str, Path] = field(default_factory=dict)
    """By test: the file that says what it failed with."""

    @property
    def name(self) -> str:
        return self.path.stem.removeprefix("test_")


def main(words: list[str]) -> int:
    """Run the targets for so many minutes; return 1 where a law was broken, 130 when it was interrupted."""
    targets = [Target(path=path) for path in sorted(HERE.glob("test_*.py"))]
    names = [target.name for target in targets]
    minutes = _minutes(words[:1])
    if minutes is None or not set(words[1:]) <= set(names):
        print(f"usage: ./dev fuzz [MINUTES [TARGET ...]], 10 if none are given, of {', '.join(names)}", file=sys.stderr)
        return 2
    targets = [target for target in targets if target.name in (words[1:] or names)]
    began = time.monotonic()
    was_interrupted = False
    try:
        while (left := began + minutes * 60 - time.monotonic()) > 1:
            able = [target for target in targets if _WHOLE not in target.failed]
            if not able:
                break
            target = min(able, key=lambda each: each.spent_s)
            _take_turn(target, min(_TURN_S, max(5.0, left / len(targets)), left))
    except KeyboardInterrupt:
        was_interrupted = True
    _tell(targets, time.monotonic() - began)
    if any(target.failed for target in targets):
        return 1
    return 130 if was_interrupted else 0


def _minutes(words: list[str]) -> float | None:
    try:
        (minutes,) = map(float, words or ["10"])
    except ValueError:
        return None
    return minutes if 0 < minutes < float("inf") else None


def _take_turn(target: Target, limit_s: float) -> None:
    """Run a target once, with as many examples as its turn has time for, going by the turn before."""
    seed = random.getrandbits(32)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        report = Path(folder, "report.json")
        environ = os.environ | {FACTOR: f"{target.factor:.3f}", REPORT: str(report)}
        argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
        argv += [f"--basetemp={folder}/tmp", *(f"--deselect={test}" for test in target.failed), str(target.path)]
        began = time.monotonic()
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:
            output = _ended(process)  # the terminal has told it as well
            raise
        finally:
            took_s = time.monotonic() - began
            target.spent_s += took_s
            target.turns += 1
            if report.is_file():
                _count(target, json.loads(report.read_text()), seed)
    if process.returncode not in (0, 1, 5):
        _keep(target, _WHOLE, output, seed)
    target.factor = max(0.02, min(target.factor * limit_s / max(took_s, 0.1), target.factor * 10))
    print(f"  {target.name:<14} {target.examples:>9,} examples, seed {seed}, {took_s:.0f} s", flush=True)


def _ended(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=_ENDS_WITHIN_S)[0]
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        return process.communicate()[0]


def _count(target: Target, found: dict[str, object], seed: int) -> None:
    target.examples += int(str(found["examples"]))
    failures = found["failures"]
    for failure in failures if isinstance(failures, list) else ():
        _keep(target, failure["test"], failure["text"], seed)


def _keep(target: Target, test: str, text: str, seed: int) -> None:
    """Keep what a test failed with, the falsifying example among it."""
    KEPT.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "-", test.rpartition("::")[2])[:80]
    path = KEPT / f"{target.name}-{name}-{seed}.txt"
    path.write_text(f"{test}\nseed {seed}, {FACTOR}={target.factor:.3f}\n\n{text}\n")
    target.failed[test] = path
    print(f"  {target.name}: {test} failed; what with is in {path}", flush=True)


def _tell(targets: list[Target], took_s: float) -> None:
    print(f"\n{'target':<14} {'examples':>10} {'turns':>6} {'time':>7}  failures")
    for target in targets:
        figures = f"{target.examples:>10,} {target.turns:>6} {target.spent_s:>5.0f} s  {len(target.failed)}"
        print(f"{target.name:<14} {figures}")
    total = sum(target.examples for target in targets)
    failed = sum(len(target.failed) for target in targets)
    print(f"{'together':<14} {total:>10,} {sum(target.turns for target in targets):>6} {took_s:>5.0f} s  {failed}")
    for target in targets:
        for test, path in target.failed.items():
            print(f"  {test.rpartition('::')[2]}: {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
