"""What may an author say of how a release is put together? Kinds for `archive`, `overlays`, `strip`, `plugins`."""

from __future__ import annotations

import datetime
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from releaser.config.document import Item, Problems, Refused, in_words, one_of_words, quoted
from releaser.config.kinds import Choice, Flag, Kind, ListOf, Setting, Text
from releaser.config.profile import OVERLAY_KINDS, OverlaySpec, StripSpec
from releaser.config.sections import Field, Section
from releaser.config.text import checks
from releaser.config.text.nearest import nearest
from releaser.config.text.substitution import Wrong

MODES = ("0644", "0755")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceOrFalse(Kind):
    """One of a few words, or false for none of them; the value for false is empty text."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return ", ".join(f"'{word}'" for word in self.words) + " or false"

    def read(self, item: Item) -> Setting:
        if item.data is False:
            return Setting(value="", origin=item.origin)
        if item.data is True:
            item.expected(self.wanted, f'"{self.words[0]}" is what holds without the setting')
        if not isinstance(item.data, str) or item.data not in self.words:
            text = item.data if isinstance(item.data, str) else ""
            found = nearest(text, self.words)
            hint = f"did you mean '{found}'?" if found else ""
            item.expected(self.wanted, "write false without quotes" if text.lower() == "false" else hint)
        return Setting(value=item.data, origin=item.origin)

    def schema(self) -> dict[str, Any]:
        return {"enum": [*self.words, False]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Kind):
    """Any value that a template can print or walk through: everything of TOML but dates and times."""

    wanted: str = "text, a number, true, false, or an array or table of those"

    def read(self, item: Item) -> Setting:
        dates = list(_dates_in(item))
        for date in dates:
            item.problems.add(date.origin, f"expected {self.wanted}, found {in_words(date.data)}", "write it in quotes")
        if dates:
            raise Refused
        return _plain(item)

    def lay_over(self, base: Setting, over: Setting) -> Setting:
        if not isinstance(base.value, dict) or not isinstance(over.value, dict):
            return over
        merged = dict(base.value)
        for name, setting in over.value.items():
            merged[name] = self.lay_over(merged[name], setting) if name in merged else setting
        return Setting(value=merged, origin=base.origin)

    def finish(self, setting: Setting, problems: Problems) -> Any:
        if not isinstance(setting.value, dict):
            return setting.value
        return {name: self.finish(entry, problems) for name, entry in setting.value.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean", "array", "object"]}


def variable(text: str) -> None:
    """Check the name of a variable of the author's for templates."""
    if text in checks.STANDARD_VARS:
        raise Wrong(f"'{text}' is a variable that every template has", "choose another name for yours")
    if not re.fullmatch(checks.VARIABLE_PATTERN, text):
        similar = re.sub("[-. ]", "_", text)
        hint = f"'{similar}' would do" if re.fullmatch(checks.VARIABLE_PATTERN, similar) else ""
        raise Wrong(f"expected a name of letters, digits and '_', found {quoted(text) if text else 'empty text'}", hint)


def release_path(text: str) -> None:
    """Check a path that starts at the folder of the release's version and stays below it."""
    checks.any_path(text)
    if text.startswith("/"):
        raise Wrong(f"expected a relative path, found {quoted(text)}", "it starts at the version's folder")
    if ".." in text.split("/"):
        raise Wrong(f"{quoted(text)} leads out of the version's folder")


def bundle_path(text: str) -> None:
    """Check a path or pattern that starts at the bundle's site-packages and stays below it."""
    checks.any_path(text)
    if text.startswith("/") or ".." in text.split("/"):
        raise Wrong(hint="it starts at the bundle's site-packages")


def made_path(text: str) -> None:
    """Check the path of something that is made in a release: not the version's folder itself."""
    release_path(text)
    if posixpath.normpath(text) == ".":
        raise Wrong(f"{quoted(text)} is the version's folder itself", "name something in it")


def link_target(text: str) -> None:
    """Check where a link leads: a place of the host, or one in the version's folder."""
    checks.any_path(text)
    if ".." in text.split("/"):
        raise Wrong(f"{quoted(text)} leads upwards", "an absolute path of the host, or one in the version's folder")


def plugin(text: str) -> None:
    """Check the name of a plugin: a file of the project, or an entry point."""
    checks.inner_path(text)
    if not text.endswith(".py") and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text):
        raise Wrong(hint="a file ends in .py, an entry point has no '/'")


def _dates_in(item: Item) -> Iterator[Item]:
    if isinstance(item.data, datetime.date | datetime.time):
        yield item
    inner = item.entries() if isinstance(item.data, dict) else item.elements() if isinstance(item.data, list) else ()
    for each in inner:
        yield from _dates_in(each)


def _plain(item: Item) -> Setting:
    """Return the value of `item`, each value of a table with its own place."""
    value = {entry.name: _plain(entry) for entry in item.entries()} if isinstance(item.data, dict) else item.data
    return Setting(value=value, origin=item.origin, written=item.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mode(Choice):
    """The mode of a file, as text: TOML knows no octal number that starts with a zero."""

    def read(self, item: Item) -> Setting:
        if isinstance(item.data, int) and not isinstance(item.data, bool):
            item.expected(self.wanted, 'write it in quotes: "0755"')
        return Choice.read(self, item)


_SOURCE = Text(wanted="a path such as 'rel/overlays/motd.txt'", check=checks.inner_path)
_MADE = Text(wanted="a path such as 'share/motd.txt'", check=made_path)
_SECTION = Section(
    wanted="a table such as { copy = 'rel/overlays/motd.txt', to = 'share/motd.txt' }",
    one_of=OVERLAY_KINDS,
    make=lambda setting, values: values,
    fields=(
        Field(
            name="copy",
            kind=_SOURCE,
            doc=(
                "A file, a folder with all that is in it, or a pattern (`*`, `?`, `[a-z]`, `**` for any depth), whose "
                "finds keep their path below its first part without one. In `dev_mode` files are linked."
            ),
            example='"rel/overlays/public/**/*.css"',
        ),
        Field(
            name="link",
            kind=Text(wanted="a path such as '/var/lib/shop'", check=link_target),
            doc="Where a symbolic link leads: an absolute path of the host, or a path in the version's folder.",
            example='"/var/lib/shop/uploads"',
        ),
        Field(name="mkdir", kind=_MADE, doc="A folder to make; stands alone.", example='"share/cache"'),
        Field(
            name="template",
            kind=_SOURCE,
            doc="A Jinja2 template; a variable that is not defined is an error.",
            example='"rel/overlays/motd.txt.j2"',
        ),
        Field(
            name="chmod",
            kind=_MADE,
            doc="What overlays before it have made, a file or a pattern, whose `mode` to set.",
            example='"share/bin/*"',
        ),
        Field(
            name="to",
            kind=Text(wanted="a path such as 'share/motd.txt'", check=release_path),
            doc=(
                "Where it goes, below the version's folder; not for `mkdir` and `chmod`. A file goes into a folder "
                "when this ends in `/`. What a pattern or a folder holds goes below it, and may go to `.`."
            ),
            example='"share/motd.txt"',
        ),
        Field(
            name="mode",
            kind=_Mode(words=MODES),
            doc="The mode of the file, for `copy`, `template` and `chmod`; that of its source if not given.",
            example='"0755"',
        ),
    ),
)
OVERLAY_FIELDS = _SECTION.fields
_NEEDS = {"copy": ("to",), "template": ("to",), "link": ("to",), "mkdir": (), "chmod": ("mode",)}
_MAY = {"copy": ("to", "mode"), "template": ("to", "mode"), "link": ("to",), "mkdir": (), "chmod": ("mode",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay(Kind):
    """One table of `overlays`."""

    wanted: str = _SECTION.wanted

    def read(self, item: Item) -> Setting:
        setting = _SECTION.read(item)
        kind = next((kind for kind in OVERLAY_KINDS if kind in setting.value), None)
        if kind is None:
            item.refuse(f"an overlay without {one_of_words(OVERLAY_KINDS)}")
        for name in ("to", "mode"):
            if name in setting.value and name not in _MAY[kind]:
                item.problems.add(setting.value[name].origin, f"'{kind}' takes no '{name}'", "remove it")
            elif name not in setting.value and name in _NEEDS[kind]:
                item.refuse(f"'{kind}' needs '{name}'")
        values = {name: entry.value for name, entry in setting.value.items()}
        return Setting(
            value=OverlaySpec(
                kind=kind,
                path=values[kind],
                to=values.get("to", ""),
                mode=values.get("mode", ""),
                origin=setting.value[kind].origin,
            ),
            origin=item.origin,
        )

    def schema(self) -> dict[str, Any]:
        ways = [
            {
                "required": [kind, *_NEEDS[kind]],
                "properties": {name: {"not": {}} for name in ("to", "mode") if name not in _MAY[kind]},
            }
            for kind in OVERLAY_KINDS
        ]
        return {**_SECTION.schema(), "anyOf": ways}


OVERLAYS = ListOf(element=Overlay(), wanted="an array of tables: [{ copy = ..., to = ... }]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip(Section):
    """A section that may be written as true, for all of it, or false."""

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, bool):
            return Section.read(self, item)
        names = [row.name for row in self.fields if isinstance(row.kind, Flag)]
        told = {name: Setting(value=item.data, origin=item.origin, written=item.data) for name in names}
        return Setting(value=told, origin=item.origin, replaces=True)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, Section.schema(self)]}


STRIP = Strip(
    wanted="true, false, or a table such as { tests = true, keep = ['numpy'] }",
    make=lambda setting, values: StripSpec(**values),
    fields=(
        Field(
            name="tests",
            kind=Flag(),
            doc="Leave out the `tests` folders of dependencies, but for packages that import their own.",
            default="false",
            example="true",
        ),
        Field(
            name="docs",
            kind=Flag(),
            doc="Leave out folders named `doc` or `docs` that hold no module, and manual pages; licences stay.",
            default="false",
            example="true",
        ),
        Field(
            name="type_stubs",
            kind=Flag(),
            doc="Leave out `*.pyi`, `py.typed` and `*-stubs`, but for packages that load their stubs when they run.",
            default="false",
            example="true",
        ),
        Field(
            name="debug_info",
            kind=Flag(),
            doc=(
                "Leave out of the dependencies what only debuggers read, the sections `.debug_*` of shared libraries, "
                "and of byte code the columns (PEP 657). Names of functions and numbers of lines of Python stay."
            ),
            default="false",
            example="true",
        ),
        Field(
            name="keep",
            kind=ListOf(
                element=Text(wanted="a path such as 'numpy/tests'", check=bundle_path),
                wanted="an array of paths such as ['numpy', 'pandas/tests/*']",
                is_set=True,
            ),
            doc="What stays in any case: folders, files or patterns, below the bundle's `site-packages`.",
            default="[]",
            example='["numpy"]',
        ),
    ),
)
