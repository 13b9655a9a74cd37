"""Which settings are there? The rows of `rel/config.toml`, in the order of the reference page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from releaser.config import addresses, assembly, checks
from releaser.config.assembly import OVERLAYS, STRIP, ChoiceOrFalse
from releaser.config.document import Item
from releaser.config.elsewhere import hint_for
from releaser.config.hooks import EVENTS, HOOKS
from releaser.config.kinds import (
    Duration,
    Flag,
    FlagOrText,
    IntegerChoice,
    ListOf,
    Setting,
    TableOf,
    Text,
)
from releaser.config.migrations import MIGRATIONS
from releaser.config.processes import HEART_FIELD, LIVENESS_FIELD, LOG, PROCESS, process_name
from releaser.config.python_args import PythonArgs
from releaser.config.readiness import READINESS
from releaser.config.sections import Field, Section
from releaser.config.substitution import REPLACED_AT_START
from releaser.config.version import Version


def _not_a_profile(item: Item) -> str:
    """Return a hint for what stands where `[release.NAME]` or `[environment.NAME]` should."""
    outer = str(item.path[0])
    if isinstance(item.data, list):
        return f"with single brackets: [{outer}.{item.name}]"
    if any(row.name == item.name for row in ROWS):
        return f"'{item.name}' stands under [{outer}.NAME], the name is yours to choose"
    return ""


def _hint_for_unknown(item: Item) -> str:
    """Return a hint for a name that is known elsewhere: in Distillery, or inside `hooks`."""
    events = {row.name: row for row in EVENTS}
    if item.name in events:
        return f"hooks stand in a table of their own: hooks.{item.name}"
    for event in events:
        if item.name in (f"{event}_hooks", f"{event}_hook"):
            return f"Distillery's {item.name} is 'hooks.{event}' here"
    for row in ROWS:
        if row.distillery and item.name == row.distillery:
            return f"Distillery's {item.name} is '{row.name}' here"
    if item.name in ("release", "environment"):
        return f"releases and environments stand at the top: [{item.name}.NAME]"
    return hint_for(item.name)


def _hint_for_the_top(item: Item) -> str:
    """Return a hint for a setting that stands above every table."""
    if any(row.name == item.name for row in ROWS):
        return f"'{item.name}' stands under [release.NAME] or [environment.NAME]"
    return ""


ROWS = (
    Field(
        name="extends",
        kind=Text(wanted="the name of a release", check=checks.any_text),
        doc=(
            "Another release that this one is laid over, as an environment is laid over a release; in an environment, "
            "another environment."
        ),
        example='"base"',
    ),
    Field(
        name="project",
        kind=Text(wanted="a folder such as '.'", check=checks.inner_path),
        doc="Folder of the Python project to bundle, the one with `pyproject.toml`.",
        default='"."',
        example='"services/shop"',
    ),
    Field(
        name="version",
        kind=Version(),
        doc=(
            "Version of the release: the project's own, what `git describe` says, a literal, or the one line that a "
            "command prints, run by each build in the folder that holds `rel/`. A `v` in front of a number is dropped. "
            "`git describe` needs the tag in the clone: one that is shallow (`git clone --depth`, as most CI systems "
            "clone) may not hold it, the version is the bare commit then, and the build warns. "
            "`git fetch --unshallow --tags` gets the rest; `fetch-depth: 0` asks for it on GitHub, `GIT_DEPTH: 0` on "
            "GitLab."
        ),
        default='"project"',
        example='"git"',
        distillery="version",
    ),
    Field(
        name="lock",
        kind=Text(wanted="a path such as 'requirements.txt'", check=checks.inner_path),
        doc="Lock file of the dependencies; unset, it is looked for in the project's folder.",
        example='"requirements.txt"',
    ),
    Field(
        name="extras",
        kind=ListOf(
            element=Text(wanted="the name of an extra", check=checks.extra),
            wanted="an array of names such as ['postgres']",
            is_set=True,
        ),
        doc=(
            "Optional dependencies of the project to install, from `uv.lock`, `poetry.lock`, `pdm.lock` or without a "
            "lock. A `requirements.txt` or `pylock.toml` holds what it was locked with."
        ),
        default="[]",
        example='["postgres"]',
    ),
    Field(
        name="groups",
        kind=ListOf(
            element=Text(wanted="the name of a dependency group", check=checks.extra),
            wanted="an array of names such as ['worker']",
            is_set=True,
        ),
        doc="Dependency groups to install as well, from the same locks as `extras`.",
        default="[]",
        example='["worker"]',
    ),
    Field(
        name="platform",
        kind=Text(wanted="a platform such as 'manylinux_2_28_aarch64'", check=checks.platform_tag),
        doc=(
            "Build for another platform: `manylinux_X_Y_ARCH` or `musllinux_X_Y_ARCH`. Dependencies must have wheels "
            "for it, and the project itself no machine code."
        ),
        example='"manylinux_2_28_aarch64"',
    ),
    Field(
        name="python_version",
        kind=Text(wanted="a minor version such as '3.12'", check=checks.python_version),
        doc=(
            "Build for this version of Python. Byte code is compiled when one is on this machine, and left out with a "
            "warning when there is none."
        ),
        example='"3.12"',
    ),
    Field(
        name="find_links",
        kind=ListOf(
            element=Text(wanted="a folder such as 'vendor/wheels'", check=checks.wheel_folder),
            wanted="an array of folders such as ['vendor/wheels']",
            is_set=True,
        ),
        doc="Folders with wheels that dependencies and build tools may come from, beside the index.",
        default="[]",
        example='["vendor/wheels"]',
    ),
    Field(
        name="entry_point",
        kind=Text(wanted="an entry point such as 'shop.server:main'", check=checks.entry_point),
        doc="The function that runs the app, as `module:callable`. Exactly one of `entry_point` and `command` holds.",
        example='"shop.server:main"',
    ),
    Field(
        name="command",
        kind=ListOf(
            element=Text(wanted="text", check=checks.argument),
            wanted="an array of words such as ['gunicorn', 'shop.web:app']",
            is_empty_allowed=False,
        ),
        doc=(
            "What runs the app when it is no function: a console script of the bundle, or `python -m module`, "
            f"with its arguments. {REPLACED_AT_START} "
            "`{socket.NAME}` is replaced by the number of the descriptor inherited for that socket: 3, 4, ..."
        ),
        example='["gunicorn", "--bind", "0.0.0.0:${PORT:-8000}", "shop.web:app"]',
    ),
    Field(
        name="output_dir",
        kind=Text(wanted="a folder such as '_build'", check=checks.any_path),
        doc="Where releases are built: the tree is `OUTPUT_DIR/ENVIRONMENT/rel/NAME`.",
        default='"_build"',
        example='"_build"',
        distillery="output_dir",
    ),
    Field(
        name="dev_mode",
        kind=Flag(),
        doc="Run the project's source tree in place of a copy: edits are there at the next start.",
        default="false",
        example="true",
        distillery="dev_mode",
    ),
    Field(
        name="include_python",
        kind=FlagOrText(wanted="true, false, or the prefix of a Python such as '/usr/local'", check=checks.any_path),
        doc=(
            "Put a Python interpreter into the release: the one that runs the build, or the one under this prefix. "
            "Without it the host's is used."
        ),
        default="false",
        example="true",
        distillery="include_erts",
    ),
    Field(
        name="include_libc",
        kind=Flag(),
        doc=(
            "Put the C library and its loader into the release as well, so that it runs on hosts whose glibc is older, "
            "or that have another C library such as musl. Needs `include_python`."
        ),
        default="false",
        example="true",
    ),
    Field(
        name="glibc_max",
        kind=Text(wanted="a version of glibc such as '2.31'", check=checks.glibc_version),
        doc=(
            "The newest glibc that the release may need of its hosts: the build fails, and names the files, when the "
            "interpreter, a library or a wheel needs a newer one."
        ),
        example='"2.31"',
    ),
    Field(
        name="include_src",
        kind=Flag(),
        doc="Ship the `.py` files; `false` ships byte code only.",
        default="true",
        example="false",
        distillery="include_src",
    ),
    Field(
        name="overlays",
        kind=OVERLAYS,
        doc=(
            "What else goes into the version's folder, `releases/VERSION`: files, links, folders, templates, in this "
            "order. Nothing of releaser's own can be replaced. See "
            "[overlays and plugins](../how_to/overlays_and_plugins.md)."
        ),
        default="[]",
        example='[{ template = "rel/overlays/motd.txt.j2", to = "share/motd.txt" }]',
        distillery="overlays",
    ),
    Field(
        name="overlay_vars",
        kind=TableOf(
            check_name=assembly.variable,
            element=assembly.Plain(),
            wanted="a table such as { support = 'ops@example.org' }",
        ),
        doc=(
            "Variables for templates, besides `release_name`, `release_version`, `release_environment` and "
            "`python_version`."
        ),
        default="{}",
        example='{ support = "ops@example.org", workers = 4 }',
        distillery="overlay_vars",
    ),
    Field(
        name="plugins",
        kind=ListOf(
            element=Text(wanted="a file such as 'rel/plugins/size.py', or an entry point", check=assembly.plugin),
            wanted="an array of files and entry points such as ['rel/plugins/size.py']",
            is_set=True,
        ),
        doc=(
            "Python files, and entry points of the group `releaser.plugins`, whose functions the build calls, in this "
            "order. See [overlays and plugins](../how_to/overlays_and_plugins.md)."
        ),
        default="[]",
        example='["rel/plugins/size.py"]',
        distillery="plugins",
    ),
    Field(
        name="strip",
        kind=STRIP,
        doc=(
            "Leave out of the dependencies what a running app does not need: `true` for tests, docs, type stubs and "
            "debugging information, or a table that chooses. The build says what went and how much; the project's own "
            "files and licences stay."
        ),
        default="false",
        example='{ tests = true, type_stubs = true, keep = ["numpy"] }',
    ),
    Field(
        name="archive",
        kind=ChoiceOrFalse(words=("tar.gz", "tar.zst")),
        doc=(
            "The file to copy to other machines: `NAME-VERSION.tar.gz`, or `.tar.zst`, which needs a `tar` that knows "
            "`--zstd` and is a quarter smaller: the bundle inside is not compressed for itself. `false` makes none. "
            "`dev_mode` makes none either."
        ),
        default='"tar.gz"',
        example='"tar.zst"',
    ),
    Field(
        name="executable",
        kind=Flag(),
        doc=(
            "Also make `NAME-VERSION.run`, one file that is the whole release: it unpacks itself once and runs. "
            "`dev_mode` makes none."
        ),
        default="false",
        example="true",
        distillery="executable",
    ),
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
        doc=f"Defaults of environment variables; what the host sets wins. {REPLACED_AT_START}",
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


def _make(setting: Setting, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return values


SETTINGS = Section(
    fields=ROWS,
    wanted="a table of settings",
    make=_make,
    one_of=("entry_point", "command"),
    missing_hint='entry_point = "shop.server:main" says what the release starts',
    hint=_hint_for_unknown,
    not_a_table=_not_a_profile,
)

TOP = Section(
    wanted="a table",
    make=_make,
    hint=_hint_for_the_top,
    fields=(
        Field(
            name="default_release",
            kind=Text(wanted="the name of a release", check=checks.any_text),
            doc="The release to build when none is named. With a single release there is no need for it.",
            example='"shop"',
            distillery="default_release",
        ),
        Field(
            name="default_environment",
            kind=Text(wanted="the name of an environment", check=checks.any_text),
            doc="The environment to build for when none is named. With a single environment there is no need for it.",
            example='"dev"',
            distillery="default_environment",
        ),
        Field(
            name="release",
            kind=TableOf(
                check_name=checks.name,
                element=SETTINGS,
                wanted="tables of releases: [release.NAME]",
            ),
            doc="One table of settings per release.",
            example='{ shop = { entry_point = "shop.server:main" } }',
            distillery="release",
        ),
        Field(
            name="environment",
            kind=TableOf(
                check_name=checks.name,
                element=SETTINGS,
                wanted="tables of environments: [environment.NAME]",
            ),
            doc="One table of settings per environment; it is laid over the release's.",
            example="{ prod = { include_src = false } }",
            distillery="environment",
        ),
    ),
)
