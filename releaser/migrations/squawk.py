"""What does squawk, a linter of PostgreSQL's SQL, say about revisions, if the project or this machine has it?

https://squawkhq.com; tested with 2.70. It reads SQL only, so that what it finds is brought back to the line of the
revision that the statement came from. What a rule of ours has said about the same line is not said again. The
project's `.squawk.toml` holds, since squawk is run in the project's folder.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .rules import Finding

LIMIT_S = 60
_SAID_BY = {
    "require-concurrent-index-creation": ("M101", "M102"),
    "ban-concurrent-index-creation-in-transaction": ("M102",),
    "adding-foreign-key-constraint": ("M103",),
    "constraint-missing-not-valid": ("M103", "M104", "M105"),
    "disallowed-unique-constraint": ("M104",),
    "adding-serial-primary-key-field": ("M104", "M204"),
    "adding-required-field": ("M201",),
    "adding-field-with-default": ("M204",),
    "changing-column-type": ("M203",),
    "ban-drop-table": ("M301",),
    "ban-drop-column": ("M302",),
    "renaming-table": ("M303",),
    "renaming-column": ("M303",),
    "ban-alter-domain-with-add-constraint": ("M103",),
}
_LIMITS_ARE_OURS = ("set lock_timeout = '1s';", "set statement_timeout = '1s';")
"""A release sets them itself, so that each file begins as if they were set."""
_NOT_OF_USE = (
    "prefer-robust-stmts",  # a revision runs once, in a transaction
    *("prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-big-int"),
    "prefer-identity",  # SQLAlchemy writes SERIAL by itself
    "require-timeout-settings",
    "require-enum-value-ordering",
    "adding-not-nullable-field",  # M202 knows of a check that was validated in a revision before
    "syntax-error",
)
_RIGHT_IN_POST = ("ban-drop-table", "ban-drop-column")


def squawk(
    program: Path, folder: Path, recorded: Sequence[Mapping[str, Any]], ours: Iterable[Finding]
) -> tuple[tuple[Finding, ...], str]:
    """Return what `program`, run in `folder`, has against recorded revisions, and why it could not be asked, or "".

    `ours` are the findings of our own rules.
    """
    said = {(finding.revision, finding.line, finding.rule) for finding in ours}
    with tempfile.TemporaryDirectory(prefix="releaser-") as name:
        answers: list[dict[str, Any]] = []
        for is_alone in (False, True):
            places = dict(_written(recorded, Path(name), is_alone=is_alone))
            if not places:
                continue
            words = () if is_alone else ("--assume-in-transaction",)
            try:
                done = subprocess.run(
                    [str(program), "--reporter", "json", *words, *places],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=LIMIT_S,
                    check=False,
                )
                answers += [{**one, "place": places[one["file"]]} for one in json.loads(done.stdout)]
            except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as error:
                return (), f"{program} gave no answer that is understood: {type(error).__name__}"
    findings = (_finding(answer, said) for answer in answers)
    return tuple(dict.fromkeys(finding for finding in findings if finding is not None)), ""


def _written(
    recorded: Sequence[Mapping[str, Any]], folder: Path, *, is_alone: bool
) -> Iterator[tuple[str, tuple[Mapping[str, Any], list[int]]]]:
    """Write the SQL of each revision; yield the file, the revision, and the revision's line of each line of SQL.

    `is_alone` chooses the statements of autocommit blocks, each a transaction by itself; else all others.
    """
    for number, revision in enumerate(recorded):
        texts, lines = list(_LIMITS_ARE_OURS), [0] * len(_LIMITS_ARE_OURS)
        for statement in revision["sql"]:
            is_frame = statement["text"].strip(" ;").upper() in ("BEGIN", "COMMIT")
            if statement["autocommit"] == is_alone and not is_frame:
                texts.append(statement["text"])
                lines += [statement["line"]] * (statement["text"].count("\n") + 1)
        if len(texts) > len(_LIMITS_ARE_OURS):
            path = folder / f"{number}-{'alone' if is_alone else 'together'}.sql"
            path.write_text("\n".join(texts) + "\n", encoding="utf-8")
            yield str(path), (revision, lines)


def _finding(answer: Mapping[str, Any], said: set[tuple[str, int, str]]) -> Finding | None:
    revision, lines = answer["place"]
    rule, number = str(answer["rule_name"]), int(answer["line_end"])
    line = lines[number] if number < len(lines) else 0
    author = revision.get("release") or {}
    if rule in _NOT_OF_USE or rule in author.get("lint_ok", ()):
        return None
    if author.get("phase") == "post" and rule in _RIGHT_IN_POST:
        return None
    if any((revision["revision"], line, ours) in said for ours in _SAID_BY.get(rule, ())):
        return None
    return Finding(
        rule=rule,
        revision=revision["revision"],
        path=revision["path"],
        line=line,
        what=" ".join(str(answer["message"]).split()),
        instead=" ".join(str(answer["help"] or "see squawkhq.com/docs").split()),
    )
