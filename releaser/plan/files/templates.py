"""What does a template of an overlay say? Its text with the variables filled in, or the line that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from releaser.config.text.nearest import nearest
from releaser.errors import Problem

NOT_REPRODUCIBLE = ("random",)


class BadTemplate(Exception):
    """A template that gives no text."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


def render(text: str, shown: str, variables: Mapping[str, object]) -> str:
    """Return the rendered template `text` of the file `shown`.

    Templates stand alone, they include no others; nothing in them may differ from build to build.

    Raises:
        BadTemplate: with the line of the template that is wrong.
    """
    from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    for name in NOT_REPRODUCIBLE:
        del environment.filters[name]
    environment.globals.pop("lipsum")
    try:
        code = environment.compile(text, shown, shown)
        return Template.from_code(environment, code, environment.make_globals(None)).render(variables)
    except TemplateSyntaxError as error:
        raise BadTemplate(_problem(text, shown, error.lineno, _lower(error.message or "no template"))) from error
    except Exception as error:
        # A template is a program: whatever it raises is the author's to read.
        line = _line_of(error.__traceback__, shown)
        what, hint = _told(error, tuple(variables))
        raise BadTemplate(_problem(text, shown, line, what, hint)) from error


def _problem(text: str, shown: str, line: int, what: str, hint: str = "") -> Problem:
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    start = len(source) - len(source.lstrip())
    return Problem(
        where=f"{shown}:{line}" if line else shown,
        what=what,
        hint=hint,
        source_line=source,
        column=start + 1 if source.strip() else 0,
        length=len(source.strip()),
    )


def _line_of(trace: TracebackType | None, shown: str) -> int:
    """Return the line of the template that an error passed last; Jinja gives its frames the template's lines."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == shown:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _told(error: Exception, names: tuple[str, ...]) -> tuple[str, str]:
    text = _lower(str(error)) or type(error).__name__
    name, found, _ = text.partition(" is undefined")
    if found and name.startswith("'"):
        close = nearest(name.strip("'"), names)
        hint = f"did you mean '{close}'?" if close else f"there is {', '.join(names)}; overlay_vars has your own"
        return f"the variable {name} is not defined", hint
    if "no loader" in text:
        return "a template cannot include or extend another", ""
    return text, ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
