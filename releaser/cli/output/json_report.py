"""What does a build say to a program? One JSON object on each line of standard output, for CI.

Every object has `event`: `step_started` and `step_finished` with `step`, the latter with `seconds` and `ok`; `note`;
`command` and `output` with `-v`; `warning` with `where`, `key`, `what`, `hint`; and last of all either `built` or
`error`. Messages for people go to standard error as ever.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from types import TracebackType
from typing import IO, TYPE_CHECKING

from releaser.cli.output.heard import heard
from releaser.errors import Problem, ReleaserError

if TYPE_CHECKING:
    from releaser.build.publish.built import Built
    from releaser.plan.plan import Plan


class JsonReport:
    """A report of a build, as events."""

    def __init__(self, stream: IO[str], *, verbose: bool = False) -> None:
        self._stream = heard(stream)
        self._verbose = verbose
        self._step = ""
        self._began = 0.0

    def __enter__(self) -> JsonReport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell how the last step ended."""
        self._finish(ok=kind is None)

    def step(self, text: str) -> None:
        """A step begins; the one before it is done."""
        self._finish(ok=True)
        self._step, self._began = text, time.monotonic()
        self._tell("step_started", step=text)

    def note(self, text: str) -> None:
        """Something worth knowing happens within the step."""
        self._tell("note", text=text)

    def command(self, text: str) -> None:
        """Another program is started."""
        if self._verbose:
            self._tell("command", text=text)

    def output(self, line: str) -> None:
        """The program printed a line."""
        if self._verbose:
            self._tell("output", text=line)

    def give_way(self) -> None:
        """Events are no terminal's."""

    def warning(self, warning: Problem | str) -> None:
        """Something does not forbid the build."""
        self._tell("warning", **_fields(Problem(where="", what=warning) if isinstance(warning, str) else warning))

    def built(self, plan: Plan, built: Built, seconds: float, warnings: Sequence[Problem | str]) -> None:
        """Everything is published.

        Raises:
            Unwritten: it is, and what was said of it could not be written.
        """
        sketch = plan.sketch
        for warning in warnings:
            self.warning(warning)
        self._tell(
            "built",
            name=sketch.name,
            version=sketch.version,
            environment=sketch.environment,
            folder=str(built.folder),
            folder_bytes=built.folder_bytes,
            packages=[
                {"path": str(path), "bytes": size}
                for path, size in ((built.archive, built.archive_bytes), (built.run_file, built.run_file_bytes))
                if path is not None
            ],
            unchanged=built.is_unchanged,
            seconds=round(seconds, 3),
            warnings=len(warnings),
        )
        self._stream.check()

    def error(self, error: ReleaserError) -> None:
        """The build did not work."""
        self._tell(
            "error",
            message=error.message,
            problems=[_fields(problem) for problem in error.problems],
            output=list(error.output),
            now=error.now,
            hint=error.hint,
            exit_code=error.exit_code,
        )

    def ended(self, message: str, exit_code: int, now: str = "") -> None:
        """The build was interrupted, or releaser has a bug."""
        self._tell("error", message=message, problems=[], output=[], now=now, hint="", exit_code=exit_code)

    def _finish(self, *, ok: bool) -> None:
        if self._step:
            seconds = round(time.monotonic() - self._began, 3)
            self._tell("step_finished", step=self._step, seconds=seconds, ok=ok)
        self._step = ""

    def _tell(self, event: str, **fields: object) -> None:
        print(json.dumps({"event": event, **fields}), file=self._stream, flush=True)


def _fields(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "key": problem.key, "what": problem.what, "hint": problem.hint}
