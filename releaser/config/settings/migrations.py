"""What may an author say of the project's alembic migrations, of one database or of several?

Several stand in tables below `migrations`, one each; what stands beside these tables holds for each of them that does
not say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from releaser.config.document import Item, Problems, Refused
from releaser.config.kinds import Choice, Count, Duration, ListOf, Setting, Text, each
from releaser.config.profile import DEFAULT_DATABASE, MigrationsSpec
from releaser.config.sections import Field, Section
from releaser.config.text import checks
from releaser.config.text.patterns import SEEN
from releaser.config.text.substitution import REPLACED_AT_START, Wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases(Section):
    """The settings of one database, or of several in tables of the author's naming; the value is one spec each."""

    def read(self, item: Item) -> Setting:
        if not isinstance(item.data, dict):
            return Section.read(self, item)
        known = [row.name for row in self.fields]
        named = [entry for entry in item.entries() if entry.name not in known and isinstance(entry.data, dict)]
        names = {entry.name for entry in named}
        shared = replace(item, data={name: value for name, value in item.data.items() if name not in names})
        found = tuple(each(iter((shared,)), lambda entry: Section.read(self, entry)))
        databases = dict(each(iter(named), self._read_database))
        if not found or len(databases) < len(named):
            raise Refused
        return Setting(value={**found[0].value, **databases}, origin=item.origin)

    def lay_over(self, base: Setting, over: Setting) -> Setting:
        shared = Section.lay_over(self, self._shared(base), self._shared(over))
        databases = dict(self._named(base))
        for name, setting in self._named(over).items():
            databases[name] = Section.lay_over(self, databases[name], setting) if name in databases else setting
        return replace(shared, value={**shared.value, **databases})

    def finish(self, setting: Setting, problems: Problems) -> tuple[MigrationsSpec, ...]:
        databases = self.databases(setting)
        wholes = databases or {DEFAULT_DATABASE: setting}
        is_used = _check_targets(tuple(wholes.values()), problems)
        found = tuple(_each_database(wholes, lambda whole: Section.finish(self, whole, problems)))
        if len(found) < len(wholes) or not is_used:
            raise Refused
        return found

    def schema(self) -> dict[str, Any]:
        one = Section.schema(self)
        return {
            **one,
            "additionalProperties": one,
            "propertyNames": {"anyOf": [{"enum": [row.name for row in self.fields]}, SEEN["name"]]},
        }

    def databases(self, setting: Setting) -> Mapping[str, Setting]:
        """Return what holds for each database that has a table, in the order of the file; empty when none has."""
        shared = self._shared(setting)
        return {
            name: replace(Section.lay_over(self, shared, own), origin=own.origin)
            for name, own in self._named(setting).items()
        }

    def _shared(self, setting: Setting) -> Setting:
        named = self._named(setting)
        return replace(setting, value={name: entry for name, entry in setting.value.items() if name not in named})

    def _named(self, setting: Setting) -> Mapping[str, Setting]:
        known = [row.name for row in self.fields]
        return {name: entry for name, entry in setting.value.items() if name not in known}

    def _read_database(self, entry: Item) -> tuple[str, Setting]:
        try:
            checks.name(entry.name)
        except Wrong as wrong:
            entry.refuse_key(wrong.what, wrong.hint)
        return entry.name, replace(Section.read(self, entry), written=entry.data)


def _each_database(
    databases: Mapping[str, Setting], finish: Callable[[Setting], MigrationsSpec]
) -> Iterator[MigrationsSpec]:
    """Yield the spec of each database, without those that are not complete: all their problems are noted at once."""
    for name, setting in databases.items():
        try:
            yield replace(finish(setting), name=name)
        except Refused:
            continue


def _check_targets(databases: Sequence[Setting], problems: Problems) -> bool:
    """Note each setting about tenants that holds for no database with tenants; tell whether there is none."""
    idle = []
    for name in [row.name for row in MIGRATIONS.fields if row.needs]:
        found = [database for database in databases if name in database.value]
        used = [database.value[name].origin for database in found if "targets" in database.value]
        idle += [origin for origin in dict.fromkeys(each.value[name].origin for each in found) if origin not in used]
    for origin in idle:
        problems.add(origin, "means nothing without 'targets'", "remove it, or name the function 'targets'")
    return not idle


_WORDS = ListOf(
    element=Text(wanted="text", check=checks.argument),
    wanted="an array of words such as ['python', '-m', 'django', 'migrate']",
    is_empty_allowed=False,
)

MIGRATIONS = Databases(
    wanted="a table with 'script_location' or 'command'",
    one_of=("script_location", "command"),
    missing_hint='script_location = "shop:migrations" says where alembic\'s scripts are',
    make=lambda setting, values: MigrationsSpec(**values, origin=setting.origin),
    fields=(
        Field(
            name="script_location",
            kind=Text(wanted="a folder such as 'migrations' or 'shop:migrations'", check=checks.script_location),
            doc=(
                "Where alembic's scripts are: a folder of the project, or `package:folder`. "
                "Exactly one of `script_location` and `command` holds."
            ),
            example='"shop:migrations"',
        ),
        Field(
            name="command",
            kind=_WORDS,
            doc=(
                "What migrates the database where that is not alembic: a console script of the bundle, or "
                f"`python -m module`, with its arguments. It runs under the lock of `url`. {REPLACED_AT_START}"
            ),
            example='["python", "-m", "django", "migrate", "--noinput"]',
        ),
        Field(
            name="check",
            kind=_WORDS,
            doc="What ends with 0 if nothing is pending for `command`: then neither the lock is taken nor it is run.",
            example='["python", "-m", "django", "migrate", "--check"]',
        ),
        Field(
            name="config",
            kind=Text(wanted="a path such as 'alembic.ini'", check=checks.project_path),
            doc="The `alembic.ini` or `pyproject.toml` to use; unset, the project's own if it has one.",
            example='"alembic.ini"',
        ),
        Field(
            name="url",
            kind=Text(wanted="the URL of a database such as '${DATABASE_URL}'", check=checks.argument),
            doc=f"The database. {REPLACED_AT_START} Unset, the project's `env.py` finds its own.",
            example='"${DATABASE_URL}"',
        ),
        Field(
            name="run",
            kind=Choice(words=("post_start", "pre_start", "check", "manual")),
            doc=(
                "When pending migrations are applied: once the app is ready, before it is started, or only by "
                "`bin/NAME migrate`; with `check`, too, but the release does not start on a database that is behind, "
                "or ahead and not compatible."
            ),
            default='"post_start"',
            example='"pre_start"',
        ),
        Field(
            name="lock",
            kind=Choice(words=("auto", "external")),
            doc=(
                "Who lets one runner in at a time: a lock of the database, or something outside, where the database "
                "has no lock to rely on."
            ),
            default='"auto"',
            example='"external"',
        ),
        Field(
            name="lock_timeout",
            kind=Duration(),
            target="lock_timeout_s",
            doc=(
                "How long a statement of a revision waits for a lock of a table; whoever comes later waits behind it. "
                "MySQL and MariaDB know whole seconds."
            ),
            default='"400ms"',
            example='"2s"',
        ),
        Field(
            name="statement_timeout",
            kind=Duration(),
            target="statement_timeout_s",
            doc=(
                "How long a statement of a revision may take at most, on PostgreSQL and MariaDB; the revision is then "
                "rolled back, and not tried again. Without it there is no limit, and with `CREATE INDEX CONCURRENTLY` "
                "neither."
            ),
            example='"10m"',
        ),
        Field(
            name="retries",
            kind=Count(least=0, most=1000),
            doc="How often a revision that got no lock, and was rolled back, is tried again.",
            default="20",
            example="5",
        ),
        Field(
            name="journal",
            kind=Choice(words=("on", "required", "off")),
            doc=(
                "Whether the database remembers what was done to it, so that a revision left half-way is never run "
                "twice; `on` goes on with a warning where no journal can be written."
            ),
            default='"on"',
            example='"required"',
        ),
        Field(
            name="backup",
            kind=Choice(words=("auto", "off")),
            doc=(
                "Whether an SQLite database is copied into `var/backups` before the first pending revision; the last "
                "three copies are kept."
            ),
            default='"auto"',
            example='"off"',
        ),
        Field(
            name="targets",
            kind=Text(wanted="a function such as 'shop.tenants:urls'", check=checks.entry_point),
            doc=(
                "A function `module:function` of the bundle that returns the tenants of this database, each migrated "
                "in a process of its own: a mapping of names to URLs, or a list of tables with `name`, `url` and "
                "`schema`. See [Several databases](../how_to/several_databases.md)."
            ),
            example='"shop.tenants:urls"',
        ),
        Field(
            name="targets_at_once",
            needs="targets",
            kind=Count(least=1, most=100),
            doc="How many tenants are migrated at the same time.",
            default="4",
            example="8",
        ),
        Field(
            name="targets_timeout",
            needs="targets",
            kind=Duration(),
            target="targets_timeout_s",
            doc="How long the function `targets` may take.",
            default='"60s"',
            example='"5m"',
        ),
        Field(
            name="on_failure",
            needs="targets",
            kind=Choice(words=("continue", "stop")),
            doc=(
                "Whether the other tenants are still begun when one has failed; the command fails in the end in any "
                "case."
            ),
            default='"continue"',
            example='"stop"',
        ),
        Field(
            name="after_migrate",
            kind=Text(wanted="a function such as 'shop.db:renew'", check=checks.entry_point),
            doc=(
                "A function `module:function` that is called in each process of the running app once something was "
                "applied, with a list of what; to dispose of connection pools, whose prepared statements a change of "
                "the schema breaks. See [Several databases](../how_to/several_databases.md)."
            ),
            example='"shop.db:renew"',
        ),
        Field(
            name="lint",
            kind=Choice(words=("warn", "error", "off")),
            doc=(
                "What the build does about revisions, new since the release before, that would stop the app or break "
                "the old code while both run."
            ),
            default='"warn"',
            example='"error"',
        ),
        Field(
            name="lint_ignore",
            kind=ListOf(
                element=Text(wanted="a rule such as 'M101'", check=checks.lint_rule),
                wanted="an array of rules such as ['M101']",
                is_set=True,
            ),
            doc=(
                "Rules of the lint, and of squawk where it is installed, that are accepted in every revision; "
                '`release = {"lint_ok": [...]}` accepts them in one.'
            ),
            default="[]",
            example='["M203", "prefer-timestamp-tz"]',
        ),
        Field(
            name="released",
            kind=Text(wanted="the id of a revision", check=checks.argument),
            doc=(
                "The newest revision that a release before this one has: what comes after it is new, and linted. "
                "Unset, the versions that were built here before tell, which a fresh checkout has none of."
            ),
            example='"3f2a"',
        ),
    ),
)
