"""What has to be so after a fault? Words and databases in, what is wrong with them out; nothing is done here.

After the fault and one more command (with a repair and `--resolve` where it asks for one) the database is that of the
reference, nothing is locked, and whatever was said of it on the way was so at that moment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chaos.reference import NOWHERE, Reference, Seen, number_of, version_at

DONE, ASKS, LOCKED = 0, 12, 11
_OURS = (0, 1, ASKS, LOCKED, 130, 143)
"""The exit codes that a command may have here; a signal's number is negative."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a command has ended."""

    code: int
    words: str

    @property
    def now(self) -> str:
        """What it has said of the database, "" if nothing."""
        found = re.search(r"^  now: (.*)$", self.words, re.MULTILINE)
        return found[1] if found else ""

    @property
    def resolution(self) -> tuple[str, tuple[str, ...]]:
        """The revision that its hint wants to have resolved, and with which words that can be."""
        found = re.search(r"--resolve (\S+) (\w+)(.*)", self.words)
        if not found:
            return "", ()
        more = re.findall(r"\b(applied|undone|retry)\b", found[3])
        return found[1], (found[2], *more)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and the database once it had ended."""

    told: Told
    seen: Seen


def wrong_about_end(told: Told) -> str:
    """Return what no command may end with, whatever happened to it."""
    if "Traceback" in told.words:
        return "a traceback"
    return "" if told.code in _OURS or told.code < 0 else f"exit code {told.code}"


def wrong_about_now(step: Step, before: Seen, reference: Reference) -> str:
    """Return what of a `now:` line is not so, "" if all of it is; `before` was the database before the command."""
    now, seen = step.told.now, step.seen
    if not now:
        return "" if step.told.code <= 0 else "nothing is said of the database"
    where, _, what = now.rpartition("; ") if now.startswith("the database ") else ("", "", now)
    found = re.fullmatch(r"the database is at (.+)", where)
    if found and found[1] != seen.version:
        return f"said to be at {found[1]}, is at {seen.version}"
    if (
        where
        and not found
        and where not in ("the database cannot be asked where it is", "the database does not answer")
    ):
        return f"words that the law does not know: {where}"
    for part in _NEXT_PART.split(what):
        if wrong := _wrong_about(part, what, seen, before, reference):
            return f"'{part}': {wrong}"
    return ""


def _wrong_about(part: str, what: str, seen: Seen, before: Seen, reference: Reference) -> str:
    """Return what is wrong with one part of `what` a `now:` line says."""
    if part in ("nothing was migrated", "nothing was changed"):
        return "" if seen == before else f"something was: {seen.state.less(before.state) or seen.version}"
    if found := _MOVED.fullmatch(part):
        moved = abs(number_of(seen.version) - number_of(before.version))
        # What is said to be unknown need not be counted.
        allowed = (moved, moved - 1) if _OPEN.search(what) else (moved,)
        return "" if int(found[1]) in allowed else f"it is {moved}"
    found = _AT_WORK.fullmatch(part)
    if found is None:
        return "words that the law does not know"
    revision, is_undo = found["revision"], bool(found["undo"])
    below, above = version_at(number_of(revision) - 1), revision
    work_at, done_at = (above, below) if is_undo else (below, above)
    if _OPEN.search(part) and seen.version == done_at and seen.state == reference.at(done_at):
        return ""
    if seen.version != work_at:
        return f"the database is at {seen.version}"
    done = done_in(seen, revision, reference, is_undo=is_undo)
    counts = [int(text or 1) for text in _FIRST.findall(part)]
    at_least = 0 if not counts or ("may be committed" in part and len(counts) == 1) else counts[0]
    if done is not None and at_least <= done <= max(counts, default=0) and (counts or not seen.invalid):
        return ""
    return f"there are {done}: {seen.state.less(reference.at(work_at))} {' '.join(seen.invalid)}".rstrip()


_MOVED = re.compile(r"(?:this run (?:applied|undid)|what was done before stays:) (\d+) revisions?")
_NEXT_PART = re.compile(r", (?!unless |else |and is |which |took |the first (?:\d+ statements|statement) may )")
_OPEN = re.compile(r"unless its commit|if its commit took place")
"""Words that leave open whether the revision at work is there as a whole."""
_FIRST = re.compile(r"the first(?: (\d+))? statements?")
_COUNT = r"the first (?:\d+ statements|statement)"
_AT_WORK = re.compile(
    rf"(?:(?:the undo of )?r\d\d is (?:applied|done) if its commit took place, else )?"
    rf"(?:{_COUNT} of )?(?P<undo>the undo of )?(?P<revision>r\d\d) (?:"
    r"was rolled back"
    r"|is not (?:applied|done): its connection was lost before its commit"
    r"|is not (?:applied|done), unless its commit, which was not answered, took place"
    r"|is not (?:applied|done), and is rolled back once the server notices that its connection is gone"
    r"|is rolled back, unless its commit was under way"
    r"|(?:are|is) committed and stays?"
    rf"(?:, {_COUNT} may be committed: the answer to it was lost)?"
    r"|may be committed: the answer to it was lost"
    r")"
)


def done_in(seen: Seen, revision: str, reference: Reference, *, is_undo: bool) -> int | None:
    """Return how many statements of a revision, or of its undo, are in the database; None if it is neither."""
    done = reference.done_of(revision, seen.state)
    if done is None or not is_undo:
        return done
    return len(reference.revision(revision).changes) - done


def wrong_about_asking(step: Step, reference: Reference) -> str:
    """Return what is not so in what exit code 12 says: which revision, and how many statements stay."""
    words, seen = step.told.words, step.seen
    revision, ways = step.told.resolution
    if not revision or not ways:
        return "no way out is named"
    found = re.search(r"(up to )?(\d+) statements? (?:is|are) committed", words)
    if found is None:
        return "it does not say how much stays"
    is_undo = is_of_undo(words)
    done = done_in(seen, revision, reference, is_undo=is_undo)
    count = int(found[2])
    if done is None or (done > count if found[1] else done != count):
        return f"{found[0]}, and there are {done} of {revision}"
    untold = [name for name in seen.invalid if name not in words]
    return f"{untold} is not told" if untold else ""


def is_of_undo(words: str) -> bool:
    """Tell whether exit code 12 speaks of an undo that was left half-way."""
    return bool(re.search(r"^error: the undo of ", words, re.MULTILINE))


def wrong_at_the_end(seen: Seen, goal: str, reference: Reference, *, is_locked: bool) -> str:
    """Return what is not as it has to be once everything is done."""
    if seen.version != goal:
        return f"the database is at {seen.version}"
    if seen.state != reference.at(goal) or seen.invalid:
        return f"differs: {seen.state.less(reference.at(goal))} {' '.join(seen.invalid)}".rstrip()
    return "the lock is still held" if is_locked else ""


def repair_of(step: Step, reference: Reference, *, forwards: bool) -> tuple[list[str], str]:
    """Return the statements that a person executes when asked to repair, and the word for `--resolve` after that.

    `forwards`: what the attempt has not done is done; else what it has done is taken back. Where all or nothing of the
    revision is there, nothing has to be executed.

    Raises:
        LookupError: the hint does not offer what is needed.
    """
    revision, ways = step.told.resolution
    changes = reference.revision(revision).changes
    there = reference.done_of(revision, step.seen.state) or 0
    is_undo = is_of_undo(step.told.words)
    is_whole = there == len(changes) or (there > 0 and forwards != is_undo)
    statements = [change.do for change in changes[there:]]
    if not is_whole:
        statements = [change.undo for change in reversed(changes[:there])]
    way = "applied" if is_whole else "undone" if is_undo else "retry"
    if way not in ways:
        raise LookupError(f"'--resolve {revision} {way}' is not offered: {ways}")
    return [*(f"DROP INDEX CONCURRENTLY {name}" for name in step.seen.invalid), *statements], way


def goal_of(story: str) -> str:
    """Return where a story ends."""
    return NOWHERE if story == "down" else version_at(12)
