"""Which settings say how a release runs? Rows, in the order of the reference page."""

from __future__ import annotations

from releaser.config.kinds import (
    Duration,
    IntegerChoice,
    ListOf,
    TableOf,
    Text,
)
from releaser.config.sections import Field
from releaser.config.settings import tree
from releaser.config.settings.hooks import HOOKS
from releaser.config.settings.migrations import MIGRATIONS
from releaser.config.settings.processes import HEART_FIELD, LIVENESS_FIELD, LOG, PROCESS, process_name
from releaser.config.settings.python_args import PythonArgs
from releaser.config.settings.readiness import READINESS
from releaser.config.text import addresses, checks
from releaser.config.text.substitution import REPLACED_AT_START

RUN = (
    Field(
        name="python_args",
        kind=PythonArgs(),
        doc=(
            "Flags for the app's interpreter: `-X`, `-W`, `-b`, `-d`, `-q`, `-v`, `-u`. They hold for the app and for "
            "what runs in its place (`eval`, `console`, `migrate`), not for the supervisor."
        ),
        default="[]",
        example='["-X", "dev", "-W", "error::DeprecationWarning"]',
        distillery="erl_opts",
    ),
    Field(
        name="python_optimize",
        kind=IntegerChoice(numbers=(0, 1, 2)),
        doc=(
            "Level that the bundle's byte code is compiled at, and the app started with: 1 (`-O`) leaves `assert` out, "
            "2 (`-OO`) docstrings too."
        ),
        default="0",
        example="1",
    ),
    Field(
        name="required_env",
        kind=ListOf(
            element=Text(
                wanted="the name of an environment variable",
                check=checks.variable_name,
            ),
            wanted="an array of names such as ['DATABASE_URL']",
            is_set=True,
        ),
        doc="Variables that must be set and not empty, checked before anything starts.",
        default="[]",
        example='["DATABASE_URL"]',
    ),
    Field(
        name="env",
        kind=TableOf(
            check_name=checks.settable_variable,
            element=Text(wanted="text", check=checks.argument),
            wanted="a table such as { WEB_CONCURRENCY = '2' }",
        ),
        doc=(
            "Defaults of environment variables; what the host sets wins. Variables of Python's own have their effect "
            "in the app and in what it starts (`PYTHONHASHSEED`, `PYTHONWARNINGS`, `PYTHONMALLOC` ...), but for those "
            f"that say what is imported or that a release decides itself, which are refused. {REPLACED_AT_START}"
        ),
        default="{}",
        example='{ WEB_CONCURRENCY = "2" }',
    ),
    Field(
        name="env_file",
        kind=Text(wanted="the path of a file such as '/etc/shop/env'", check=checks.env_file),
        doc=(
            "A file on the host with lines `NAME=value`, read at each start of every version; "
            "what the caller or env.sh sets wins. "
            "Absolute, or below the release's root; a missing one is an error, unless the path has a `-` in front. "
            f"Its values are taken as they are. {REPLACED_AT_START.replace('in it', 'in the path')}"
        ),
        example='"-/etc/shop/env"',
    ),
    Field(
        name="working_directory",
        kind=Text(wanted="a folder such as 'site' or '${RELEASE_VAR}/work'", check=tree.working_folder),
        doc=(
            "The folder in which every process of the bundle works: the app, `eval`, `console`, `migrate`, your own "
            "commands. Relative to the tree; unset, the tree itself, and the release's root where there is none. "
            f"{REPLACED_AT_START}"
        ),
        example='"site"',
    ),
    Field(
        name="config_providers",
        kind=ListOf(
            element=Text(wanted="a function such as 'shop.secrets:load'", check=checks.entry_point),
            wanted="an array of functions such as ['shop.secrets:load']",
            is_set=True,
        ),
        doc=(
            "Functions of the bundle, called in this order in a process of their own before `required_env` is checked. "
            "Each returns a mapping of environment variables; a later one's value wins, and the host's over all."
        ),
        default="[]",
        example='["shop.secrets:load"]',
        distillery="config_providers",
    ),
    Field(
        name="commands",
        kind=TableOf(
            check_name=checks.command_name,
            element=Text(wanted="the path of a file such as 'rel/commands/seed.sh'", check=checks.inner_path),
            wanted="a table such as { seed = 'rel/commands/seed.sh' }",
        ),
        doc="Commands of your own: `seed` here becomes `bin/NAME seed`.",
        default="{}",
        example='{ seed = "rel/commands/seed.sh" }',
        distillery="commands",
    ),
    Field(
        name="sockets",
        kind=TableOf(
            check_name=checks.name,
            element=Text(
                wanted="an address such as '127.0.0.1:8000', '[::1]:8000' or 'unix:/run/app.sock'",
                check=addresses.socket_address,
            ),
            wanted="a table such as { web = '127.0.0.1:8000' }",
        ),
        doc=(
            "Addresses that the supervisor listens on; each instance inherits the sockets (`LISTEN_FDS`). "
            f"An address is `host:port`, `[v6]:port` or `unix:/path`. {REPLACED_AT_START}"
        ),
        default="{}",
        example='{ web = "127.0.0.1:${PORT:-8000}" }',
    ),
    Field(
        name="readiness",
        kind=READINESS,
        doc=(
            "How the release learns that the app is ready, which is when post_start hooks run and `ping` succeeds: "
            '`"started"`, `"notify"`, or a table with one of the five ways.'
        ),
        default='"started"',
        example='{ http = "http://127.0.0.1:8000/health", timeout = "60s" }',
    ),
    HEART_FIELD,
    LIVENESS_FIELD,
    Field(
        name="process",
        kind=TableOf(
            check_name=process_name,
            element=PROCESS,
            wanted="tables of processes: [release.NAME.process.worker]",
        ),
        doc=(
            "Processes beside the main one, under the same supervisor: workers, schedulers. The release is ready when "
            "all of them are, and stops when one of them ends for good."
        ),
        default="{}",
        example='{ worker = { entry_point = "shop.worker:main", heart = true } }',
    ),
    Field(
        name="log",
        kind=LOG,
        doc="The files that `bin/NAME start` writes the release's output to, below `var/log`.",
        default='{ size = "10MB", count = 5 }',
        example='{ size = "100MB", count = 3 }',
    ),
    Field(
        name="stop_timeout",
        kind=Duration(),
        doc="How long the app may take to end after SIGTERM; then it is killed.",
        default='"30s"',
        example='"2m"',
        target="stop_timeout_s",
    ),
    Field(
        name="drain",
        kind=Duration(may_be_zero=True),
        doc=(
            "How long the app goes on before it gets SIGTERM, in an upgrade, a restart and a stop. Its answers say "
            "`Connection: close` meanwhile (uvicorn, hypercorn), and where another instance takes over `sockets` it "
            "accepts nothing more, so that no request is lost. `stop_timeout` begins when it is over. See "
            "`releaser docs upgrade`."
        ),
        default='"0s"',
        example='"2s"',
        target="drain_s",
    ),
    Field(
        name="migrations",
        kind=MIGRATIONS,
        doc=(
            "The project's alembic migrations. Several databases stand in tables of your naming below it, "
            "`[release.NAME.migrations.ledger]`, and are migrated in the order of the file; what stands beside those "
            "tables holds for each of them that does not say otherwise, and is no database itself."
        ),
        example='{ script_location = "shop:migrations", url = "${DATABASE_URL}" }',
    ),
    Field(
        name="hooks",
        kind=HOOKS,
        doc=(
            "Programs to run at named events: a path (a file, or a folder whose files run in byte order), or an array "
            "of paths and tables."
        ),
        default="{}",
        example='{ post_start = "rel/hooks/post_start" }',
    ),
)
