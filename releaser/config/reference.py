"""What does the reference page say? It is made from the rows, so it cannot lag behind them.

`python -m releaser.config.reference > releaser/docs/reference/config.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from releaser.config.kinds import Text
from releaser.config.profile import OVERLAY_KINDS
from releaser.config.sections import Field, Section
from releaser.config.settings.assembly import OVERLAY_FIELDS, OVERLAYS
from releaser.config.settings.elsewhere import DISTILLERY, OTHERS
from releaser.config.settings.hooks import EVENTS, HOOKS, hook_fields
from releaser.config.settings.tables import ROWS, TOP
from releaser.config.settings.tree import STEP_FIELDS, STEPS

_INTRODUCTION = """\
# rel/config.toml

A project describes its releases in `rel/config.toml`. `[release.NAME]` and `[environment.NAME]` take the same
settings. What is built is a release with an environment laid over it: tables merge key by key, every other value,
arrays included, is replaced whole, so `[]` empties. An environment that sets one of several settings of which only one
can hold, `entry_point` or `command` for one, takes the place of the release's.

```toml
default_release = "shop"
default_environment = "dev"

[release.shop]
entry_point = "shop.server:main"
required_env = ["DATABASE_URL"]

[release.shop.hooks]
post_start = "rel/hooks/post_start"

[environment.dev]
dev_mode = true

[environment.prod]
include_python = true
stop_timeout = "2m"

[environment.prod.hooks]
pre_start = [{ run = "rel/hooks/check_disk", timeout = "10s" }]
```

Everything wrong with the file is reported at once, with file, line and column. A setting that is not on this page is
an error. Names of releases, environments, sockets and commands start with a letter from a to z and hold a to z, 0 to 9,
`_` and `-`.

Paths are relative to the folder that holds `rel/` and stay below it; `output_dir` and `include_python` may lie
elsewhere. A duration is a number of seconds, or a number with `ms`, `s`, `m` or `h`: `30`, `"500ms"`, `"1.5h"`.

Where a text is said to be replaced at start, `${NAME}` is the value of an environment variable, and a missing one is
an error that names the setting; `${NAME:-default}` has a default, which also holds for an empty variable; `$$` is one
dollar sign.
"""
_HOOKS = """\
A path runs a file, or every file of a folder in byte order. An array holds several; a table in it says more than a path
can. Each hook is a process of its own.
"""
_OTHERS_HAVE_THE_SAME = "What is called as in Distillery there means the same here.\n"
_MARK = "<!-- Made by `python -m releaser.config.reference` from releaser/config; a test compares the two. -->\n"


def reference_page() -> str:
    """Return the reference page of the configuration as Markdown."""
    parts = [_MARK, _INTRODUCTION, "## The top of the file\n"]
    parts += [_entry(row.name, row) for row in TOP.fields if isinstance(row.kind, Text)]
    parts.append("## Settings\n")
    for row in ROWS:
        parts.append(_entry(row.name, row))
        parts += _below(row)
    parts += ["## Names in Distillery\n", _distillery_table()]
    parts += ["## Names in mix release and relx\n", _OTHERS_HAVE_THE_SAME, _other_table()]
    return "\n".join(parts)


def _entry(title: str, row: Field, level: int = 3) -> str:
    facts = [
        f"Default: `{row.default}`." if row.default else "",
        f"In Distillery: `{row.distillery}`." * bool(row.distillery),
    ]
    told = " ".join(fact for fact in facts if fact)
    lines = [f"{'#' * level} {title}\n", row.doc + "\n", told + "\n" if told else "", _example(row)]
    return "\n".join(line for line in lines if line)


def _example(row: Field) -> str:
    return f"```toml\n{row.name} = {row.example}\n```\n"


def _below(row: Field) -> Iterator[str]:
    if row.kind is HOOKS:
        yield _HOOKS
        yield _event_table()
        yield "In the table of one hook:\n"
        yield _field_table(hook_fields(EVENTS[0]), is_hook=True)
    elif row.kind is OVERLAYS:
        yield f"Exactly one of {', '.join(f'`{name}`' for name in OVERLAY_KINDS)} holds in each table.\n"
        yield _field_table(OVERLAY_FIELDS)
    elif row.name == STEPS:
        yield "In each table:\n"
        yield _field_table(STEP_FIELDS)
    elif isinstance(row.kind, Section):
        if row.kind.one_of:
            yield f"Exactly one of {', '.join(f'`{name}`' for name in row.kind.one_of)} holds.\n"
        yield _field_table(row.kind.fields)


def _field_table(rows: tuple[Field, ...], is_hook: bool = False) -> str:
    lines = [("name", "meaning", "default", "example"), ("---",) * 4]
    for row in rows:
        default = "the event's" if is_hook and row.default else f"`{row.default}`" if row.default else ""
        lines.append((f"`{row.name}`", row.doc, default, f"`{row.example}`"))
    return _table(lines)


def _event_table() -> str:
    lines = [
        ("event", "when its hooks run", "`timeout`", "`on_failure`, default first", "`call` runs in"),
        ("---",) * 5,
    ]
    for event in EVENTS:
        words = ", ".join(f"`{word}`" for word in event.on_failure)
        lines.append((f"`{event.name}`", event.when, f"{event.timeout_s:g} s", words, event.called_in))
    return _table(lines)


def _distillery_table() -> str:
    lines = [("Distillery", "here"), ("---",) * 2]
    lines += [(f"`{row.distillery}`", f"`{row.name}`") for row in (*TOP.fields, *ROWS) if row.distillery]
    lines += [(f"`{row.distillery}`", f"`hooks.{row.name}`") for row in HOOKS.fields]
    lines += [(f"`{name}`", instead) for name, instead in DISTILLERY.items()]
    return _table(lines)


def _other_table() -> str:
    lines = [("setting", "of", "here"), ("---",) * 3]
    lines += [(f"`{name}`", tool, instead) for name, (tool, instead) in OTHERS.items()]
    return _table(lines)


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(reference_page())
