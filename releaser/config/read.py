"""What does `rel/config.toml` say? Everything wrong with it at once, or releases to lay environments over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.config.document import Document, Item, Problems, Refused, Unusable, parse_document, quoted, read_document
from releaser.config.extends import SETTING, check_extends, resolve
from releaser.config.kinds import Setting
from releaser.config.profile import Origin, Profile
from releaser.config.settings.tables import SETTINGS, TOP
from releaser.config.text.nearest import name_hint
from releaser.errors import ConfigError, Problem, UsageError

_LISTED = 20
"""Names of releases or environments that a sentence lists."""
_OPTIONS = {"release": "--release", "environment": "--env"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration without problems of its own; whether a release and an environment fit is asked of `profile`."""

    file: str
    """Path as it is shown to people."""
    root: Path
    """Absolute folder that holds `rel/`."""
    releases: Mapping[str, Setting]
    environments: Mapping[str, Setting]
    default_release: str = ""
    default_environment: str = ""

    @property
    def release_names(self) -> tuple[str, ...]:
        """Names of the releases, in the order of the file."""
        return tuple(self.releases)

    @property
    def environment_names(self) -> tuple[str, ...]:
        """Names of the environments, in the order of the file."""
        return tuple(self.environments)

    def profile(self, release: str | None = None, environment: str | None = None, *, now: str = "") -> Profile:
        """Return the release with the environment laid over it; None means the file's default, or the only one.

        `now` is what the error says to be true if there is one.

        Raises:
            UsageError: there is no release or environment of that name, or none was named and there are several.
            ConfigError: the two together are not complete.
        """
        name, environment, setting = self.merged(release, environment, now=now)
        problems = Problems()
        try:
            values = SETTINGS.finish(setting, problems)
        except Refused:
            message = f"cannot use {self.file} for the release {name} in {environment}"
            raise ConfigError(message, problems=problems.in_file_order(), now=now) from None
        origins = dict(_origins("", setting))
        return Profile(root=self.root, name=name, environment=environment, origins=origins, **values)

    def merged(
        self, release: str | None = None, environment: str | None = None, *, now: str = ""
    ) -> tuple[str, str, Setting]:
        """Return the names of the release and the environment, and what is written for the two together.

        Raises:
            UsageError: as `profile`.
        """
        name = self._chosen("release", release, self.default_release, self.release_names, now)
        environment = self._chosen("environment", environment, self.default_environment, self.environment_names, now)
        return name, environment, SETTINGS.lay_over(self.releases[name], self.environments[environment])

    def _chosen(self, what: str, asked: str | None, default: str, names: tuple[str, ...], now: str) -> str:
        if asked in names:
            return asked
        listed = ", ".join(names) if len(names) <= _LISTED else f"{', '.join(names[:_LISTED])} ..."
        if asked is not None:
            message = f"{self.file} has no {what} {quoted(asked)}; it has {listed}"
            hint = name_hint(asked, names, f"{what}s")
            raise UsageError(message, now=now, hint=hint if hint.startswith("did") else "")
        if default or len(names) == 1:
            return default or names[0]
        message = f"no {what} was named, and {self.file} has {len(names)}: {listed}"
        raise UsageError(message, now=now, hint=f"name one with {_OPTIONS[what]}, or set default_{what} in {self.file}")


def read_config(path: Path, *, now: str = "") -> Config:
    """Read and check the configuration at `path`, `ROOT/rel/config.toml`.

    `now` is what the error says to be true if there is one.

    Raises:
        ConfigError: with everything that is wrong in it, in the order of the file.
    """
    path, file = located(path)
    try:
        document = read_document(path, file)
    except Unusable as unusable:
        raise ConfigError(f"cannot use {file}", problems=(unusable.problem,), now=now) from None
    return _checked(document, path, now)


def problems_in(text: str, path: Path) -> tuple[Problem, ...]:
    """Return what `read_config` would find wrong if `text` stood in the file at `path`, in its order."""
    path, file = located(path)
    try:
        _checked(parse_document(text.removeprefix("\ufeff"), file), path, "")
    except Unusable as unusable:
        return (unusable.problem,)
    except ConfigError as error:
        return error.problems
    return ()


def _checked(document: Document, path: Path, now: str) -> Config:
    file = document.file
    problems = Problems()
    item = Item(data=document.data, path=(), document=document, problems=problems)
    try:
        found = TOP.read(item).value
    except Refused:
        found = {}
    _check_defaults(item)
    for entry in item.entries():
        if entry.name in ("release", "environment"):
            check_extends(entry)
    missing = tuple(_missing(document))
    if problems or missing:
        raise ConfigError(f"cannot use {file}", problems=(*missing, *problems.in_file_order()), now=now)
    return Config(
        file=file,
        root=path.parent.parent,
        releases=resolve(found["release"].value, SETTINGS),
        environments={
            name: Setting(value={key: kept for key, kept in table.value.items() if key != SETTING}, origin=table.origin)
            for name, table in resolve(found["environment"].value, SETTINGS).items()
        },
        **{name: found[name].value for name in ("default_release", "default_environment") if name in found},
    )


def located(path: Path) -> tuple[Path, str]:
    """Return the absolute path of a configuration, `ROOT/rel/config.toml`, and how it is shown to people."""
    path = Path(os.path.normpath(path.absolute()))
    return path, f"{path.parent.name}/{path.name}".removeprefix("/")


def _check_defaults(item: Item) -> None:
    for entry in item.entries():
        outer = entry.name.removeprefix("default_")
        tables = item.data.get(outer)
        if outer == entry.name or not isinstance(tables, dict) or not isinstance(entry.data, str):
            continue
        if entry.data not in tables and outer in ("release", "environment"):
            hint = name_hint(entry.data, list(tables), f"{outer}s")
            item.problems.add(entry.origin, f"there is no {outer} {quoted(entry.data)}", hint)


def _missing(document: Document) -> Iterator[Problem]:
    """Yield a problem for each of the two tables that the file must have and has not.

    A name at the top that is not known is a likelier reason, and is told already.
    """
    if any(name not in (row.name for row in TOP.fields) for name in document.data):
        return
    for outer, example in (("release", "[release.shop]"), ("environment", "[environment.dev], which may be empty")):
        tables = document.data.get(outer, {})
        if isinstance(tables, dict) and not tables:
            yield Problem(where=document.file, what=f"it describes no {outer}", hint=f"add {example}")


def _origins(prefix: str, setting: Setting) -> Iterator[tuple[str, Origin]]:
    """Yield where each setting below `prefix` was written."""
    if prefix:
        yield prefix, setting.origin
        for index, origin in enumerate(setting.parts):
            yield f"{prefix}.{index}", origin
    if isinstance(setting.value, dict):
        for name, entry in setting.value.items():
            yield from _origins(f"{prefix}.{name}" if prefix else name, entry)
