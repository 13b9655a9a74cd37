"""What may an author say of the project's alembic migrations?"""

from __future__ import annotations

from releaser.config import checks
from releaser.config.kinds import Choice, Count, Duration, Text
from releaser.config.profile import MigrationsSpec
from releaser.config.sections import Field, Section
from releaser.config.substitution import REPLACED_AT_START

MIGRATIONS = Section(
    wanted="a table with 'script_location'",
    required=("script_location",),
    missing_hint='script_location = "shop:migrations" says where alembic\'s scripts are',
    make=lambda setting, values: MigrationsSpec(**values, origin=setting.origin),
    fields=(
        Field(
            name="script_location",
            kind=Text(wanted="a folder such as 'migrations' or 'shop:migrations'", check=checks.script_location),
            doc="Where alembic's scripts are: a folder of the project, or `package:folder`. Required.",
            example='"shop:migrations"',
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
            name="lint",
            kind=Choice(words=("warn", "error", "off")),
            doc=(
                "What the build does about revisions, new since the release before, that would stop the app or break "
                "the old code while both run."
            ),
            default='"warn"',
            example='"error"',
        ),
    ),
)
