"""`./dev chaos`: every fault at every point of a migration, or a sample of them; what came of it as a table.

    ./dev chaos                                    everything, for hours
    ./dev chaos --sample 300 --seed 7              300 cases of each database, the same for the same seed
    ./dev chaos --database mariadb --story down    a part
    ./dev chaos --database postgresql --story up --fault cut-swallow-itself --point 54
                                                   one case, with everything that was said
    ./dev chaos --alembic --sample 300             the same faults with `alembic upgrade head`
    ./dev chaos --list --database mariadb          the points of each story

Ctrl-C ends it with the figures so far. Exit code 1: something was WRONG.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from chaos.cases import VERDICTS, Case, Result, Trial  # noqa: E402
from chaos.faults import STORIES, faults_of, is_meant  # noqa: E402
from chaos.subjects import NAMES, subject_of  # noqa: E402

Counts = Counter[tuple[str, str, str]]
"""By database, fault and verdict."""


def main(words: list[str]) -> int:
    """Run what is asked for; return 1 where something was wrong, 130 when it was interrupted."""
    asked = _asked(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and mounts do not end by themselves
    counts: Counts = Counter()
    began = time.monotonic()
    was_interrupted = False
    try:
        for name in asked.database or NAMES:
            _run(name, asked, counts)
    except KeyboardInterrupt:
        was_interrupted = True
    if counts:
        _tell(counts, time.monotonic() - began)
    if any(verdict == "WRONG" for _, _, verdict in counts) and not asked.alembic:
        return 1
    return 130 if was_interrupted else 0


def _asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    faults = sorted({fault.name for name in NAMES for fault in faults_of(name)})
    parser.add_argument("--database", action="append", choices=NAMES)
    parser.add_argument("--story", action="append", choices=STORIES)
    parser.add_argument("--fault", action="append", metavar="FAULT", choices=faults, help=", ".join(faults))
    parser.add_argument("--point", action="append", type=int)
    parser.add_argument("--sample", type=int, help="so many cases of each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alembic", action="store_true")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args(words)


def _run(name: str, asked: argparse.Namespace, counts: Counts) -> None:
    """Try out the cases of one database."""
    with subject_of(name) as subject, tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        trial = Trial(subject, Path(folder), is_plain=asked.alembic)
        stories = asked.story or STORIES
        if asked.list:
            for story in stories:
                print(f"{name}, {story}:", *trial.points(story), sep="\n")
            return
        for case in cases_of(trial, asked):
            result = trial.try_out(case)
            counts[name, case.fault.name, result.verdict] += 1
            point = case.point
            where = f"{point.revision:3} {point.role:7} {point.text}"[:18]
            print(
                f"{name:10} {case.story:7} {case.fault.name:20} {point.number:3} {where:18} {result.verdict}",
                flush=True,
            )
            if result.verdict == "WRONG" or asked.point:
                _tell_words(result)


def cases_of(trial: Trial, asked: argparse.Namespace) -> list[Case]:
    """Return the cases that are asked for, in the order of the table; a sample takes from all rows of it."""
    rows: list[list[Case]] = []
    for story in asked.story or STORIES:
        points = trial.points(story)
        roles = frozenset(point.role for point in points)
        for fault in faults_of(trial.subject.name):
            if asked.fault and fault.name not in asked.fault:
                continue
            if fault.action == "disk" and trial.subject.disk is None:
                continue
            numbers = asked.point or range(1, len(points) + 1)
            meant = [point for point in points if point.number in numbers and is_meant(fault, point.role, roles)]
            if meant:
                rows.append([Case(story, fault, point) for point in meant])
    if not asked.sample:
        return [case for row in rows for case in row]
    chance = random.Random(f"{asked.seed} {trial.subject.name}")
    for row in rows:
        chance.shuffle(row)
    chosen: list[Case] = []
    while len(chosen) < asked.sample and any(rows):
        chosen += [row.pop() for row in chance.sample(rows, len(rows)) if row]
    return chosen[: asked.sample]


def _tell_words(result: Result) -> None:
    print(f"    {result.why}")
    for told in result.told:
        print(f"    exit {told.code}")
        for line in told.words.splitlines()[-12:]:
            print(f"      {line}")


def _tell(counts: Counts, took_s: float) -> None:
    """Print how many cases of each fault ended how, for each database."""
    verdicts = [verdict for verdict in VERDICTS if any(found == verdict for _, _, found in counts)]
    for name in NAMES:
        faults = [fault.name for fault in faults_of(name) if any(key[:2] == (name, fault.name) for key in counts)]
        if not faults:
            continue
        print(f"\n{name:22}" + "".join(f"{verdict:>14}" for verdict in verdicts))
        for fault in faults:
            print(f"  {fault:20}" + "".join(f"{counts[name, fault, verdict] or '-':>14}" for verdict in verdicts))
        sums = [sum(counts[name, fault, verdict] for fault in faults) for verdict in verdicts]
        print(f"  {'together':20}" + "".join(f"{number:>14}" for number in sums))
    print(f"\n{counts.total():,} cases in {took_s / 60:.0f} min")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
