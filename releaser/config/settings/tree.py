"""What may an author say of the project's files as they lie, and of the commands that a build runs among them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item
from releaser.config.kinds import Choice, Flag, Kind, ListOf, Setting, TableOf, Text
from releaser.config.profile import StepSpec
from releaser.config.sections import Field, Section
from releaser.config.text import checks
from releaser.config.text.substitution import Wrong

STEPS = "steps"
_SHELL = ("/bin/sh", "-ec")


def tree_pattern(text: str) -> None:
    """Check a pattern of paths that starts at the project's folder, as .gitignore has them."""
    checks.any_path(text)
    if ".." in text.split("/"):
        raise Wrong(hint="it starts at the project's folder and stays below it")


def tree_path(text: str) -> None:
    """Check a path that starts at the project's folder and stays below it."""
    checks.any_path(text)
    if text.startswith("/") or not {"", ".", ".."}.isdisjoint(text.removesuffix("/").split("/")):
        raise Wrong(hint="it starts at the project's folder and stays below it")


def working_folder(text: str) -> None:
    """Check a folder of the release or of the host, with variables in it."""
    checks.argument(text)
    if not text:
        raise Wrong()


def _patterns(example: str) -> ListOf:
    return ListOf(
        element=Text(wanted="a path or pattern such as 'config.yml'", check=tree_pattern),
        wanted=f"an array of patterns such as [{example}]",
        is_set=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine(Kind):
    """Text for a shell, or an array of words; the value is the words of a process."""

    wanted: str = "a command line such as 'npm run build', or an array of words"

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, list):
            return _WORDS.read(item)
        line = _LINE.read(item)
        return Setting(value=(*_SHELL, line.value), origin=line.origin, written=line.written)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [_LINE.schema(), _WORDS.schema()]}


def step_line(text: str) -> None:
    checks.plain_argument(text)
    if not text.strip():
        raise Wrong()


_LINE = Text(wanted=CommandLine().wanted, check=step_line)
_WORDS = ListOf(
    element=Text(wanted="text", check=checks.plain_argument),
    wanted="an array of words such as ['npm', 'ci']",
    is_empty_allowed=False,
)


def _step(setting: Setting, values: Mapping[str, Any]) -> StepSpec:
    return StepSpec(
        run=values["run"], env=values.get("env", {}), when=values.get("when", "after"), origin=setting.origin
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Section):
    """One table of `steps`, finished where it is read: an array is replaced whole."""

    def read(self, item: Item) -> Setting:
        setting = Section.read(self, item)
        if "run" not in setting.value:
            item.refuse("a step without 'run'", self.missing_hint)
        values = {name: self._finished(name, entry, item) for name, entry in setting.value.items()}
        return Setting(value=_step(setting, values), origin=item.origin)

    def _finished(self, name: str, setting: Setting, item: Item) -> Any:
        kind = next(row.kind for row in self.fields if row.name == name)
        return kind.finish(setting, item.problems)


_STEP = _Step(
    wanted="a table such as { run = 'npm ci' }",
    required=("run",),
    missing_hint='run = "python manage.py collectstatic --noinput" says what is run',
    make=_step,
    not_a_table=lambda item: "a command is { run = 'npm ci' }; for the steps of mix release there are 'plugins'",
    fields=(
        Field(
            name="run",
            kind=CommandLine(),
            doc="The command: text is run by `sh -e`, an array of words as it stands.",
            example='"python manage.py collectstatic --noinput"',
        ),
        Field(
            name="env",
            kind=TableOf(
                check_name=checks.settable_variable,
                element=Text(wanted="text", check=checks.plain_argument),
                wanted="a table such as { SECRET_KEY = 'only-for-the-build' }",
            ),
            doc="Variables of this step alone, over the release's `env`; they are not in the release.",
            default="{}",
            example='{ SECRET_KEY = "only-for-the-build" }',
        ),
        Field(
            name="when",
            kind=Choice(words=("before", "after")),
            doc=(
                "`before` the project's wheel is built and the dependencies are there, or `after`, with the bundle's "
                "Python, packages and programs at hand."
            ),
            default='"after"',
            example='"before"',
        ),
    ),
)
STEP_FIELDS = _STEP.fields

TREE = (
    Field(
        name="layout",
        kind=Choice(words=("package", "folder")),
        doc=(
            "What the app is: `package`, the wheel that the project's build backend makes, or `folder`, the files as "
            "they lie in the project's folder, whatever backend there is. Unset, a project without a build backend is "
            "a folder and any other a package. See [the tree](../explanation/build.md#the-tree)."
        ),
        example='"folder"',
    ),
    Field(
        name="include_tree",
        kind=Flag(),
        doc=(
            "Put the files of the project's folder into the release beside a package as well: for code that reads "
            "files beside it, and modules beside the package."
        ),
        default="false",
        example="true",
    ),
    Field(
        name="files",
        kind=_patterns("'config.yml', 'templates/'"),
        doc=(
            "What of the project's folder goes into the release besides, as patterns of .gitignore, ignored by git or "
            "not: beside a package without `include_tree` these files alone."
        ),
        default="[]",
        example='["config.yml", "templates/"]',
    ),
    Field(
        name="exclude",
        kind=_patterns("'docs/', '*.psd'"),
        doc="What of the tree stays out, as patterns of .gitignore; they hold over `files`.",
        default="[]",
        example='["docs/", "*.psd"]',
    ),
    Field(
        name="shared",
        kind=ListOf(
            element=Text(wanted="a path such as 'media'", check=tree_path),
            wanted="an array of paths such as ['media', 'db.sqlite3']",
            is_set=True,
        ),
        doc=(
            "Paths of the tree that live in `var/shared` and are kept across versions: links lead there. What the tree "
            "has of them is the first content. One that the tree lacks is made a folder if it ends in `/`, or has no "
            "ending and is not `celerybeat-schedule`; a file is the app's to make. Not in `dev_mode`, where the tree "
            "is yours."
        ),
        default="[]",
        example='["media", "db.sqlite3", "celerybeat-schedule"]',
    ),
    Field(
        name=STEPS,
        kind=ListOf(element=_STEP, wanted="tables such as [[release.NAME.steps]]"),
        doc=(
            "Commands that the build runs, in this order, in a copy of the project's tree; what they write there is in "
            "the release. They see the release's `env`. Not in `dev_mode`. See "
            "[build steps](../explanation/build.md#build-steps)."
        ),
        default="[]",
        example='[{ run = "npm ci && npm run build", when = "before" }]',
    ),
)
"""Rows, in the order of the reference page."""
