"""Which settings say what is built, from what, and what goes into it? Rows, in the order of the reference page."""

from __future__ import annotations

from releaser.config.kinds import (
    Flag,
    FlagOrText,
    ListOf,
    TableOf,
    Text,
)
from releaser.config.sections import Field
from releaser.config.settings import assembly
from releaser.config.settings.assembly import OVERLAYS, STRIP, ChoiceOrFalse
from releaser.config.settings.tree import TREE
from releaser.config.settings.version import Version
from releaser.config.text import checks
from releaser.config.text.substitution import REPLACED_AT_START

BUILT = (
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
        doc=(
            "Folder of the Python project to bundle: that of its `pyproject.toml`, `setup.py`, `setup.cfg`, `Pipfile`, "
            "requirements file or script, or of a member of a workspace."
        ),
        default='"."',
        example='"services/shop"',
    ),
    Field(
        name="version",
        kind=Version(),
        doc=(
            "Version of the release: the project's own, what `git describe` says, a literal, or the one line that a "
            "command prints, run by each build in the folder that holds `rel/`. A `v` in front of a number is dropped. "
            "Of a project whose files say no version, a project's own is what `git describe` says. "
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
        doc=(
            "Lock file of the dependencies, or the requirements file to resolve; unset, it is looked for in the "
            "project's folder: `uv.lock`, `pylock.toml`, a `requirements.txt` with hashes, `poetry.lock`, `pdm.lock`, "
            "`Pipfile.lock`, the `uv.lock` of the workspace, a requirements file for production. Requirements without "
            "hashes are resolved by each build, with a warning, and `releaser lock` makes a `pylock.toml` of them, "
            "which stands in for them from then on."
        ),
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
            "lock; one that the project does not have is refused. A `requirements.txt` or `pylock.toml` holds what it "
            "was locked with, and `releaser lock` locks with these."
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
        doc=(
            "Dependency groups to install as well, from the same locks as `extras`, and from `Pipfile.lock`, whose "
            "`[dev-packages]` are `develop`. No group is installed that is not named here."
        ),
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
            "What runs the app when it is no function: a console script of the bundle, `python -m module`, or "
            f"`python file.py` of the tree, with its arguments. {REPLACED_AT_START} "
            "`{socket.NAME}` is replaced by the number of the descriptor inherited for that socket: 3, 4, ..."
        ),
        example='["gunicorn", "--bind", "0.0.0.0:${PORT:-8000}", "shop.web:app"]',
    ),
    *TREE,
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
        kind=FlagOrText(
            wanted="true, false, a version such as '3.13', or the prefix of a Python such as '/usr/local'",
            check=checks.any_path,
        ),
        doc=(
            "Put a Python interpreter into the release: the project's, the one of this version (`3.13`, `3.13.2`), or "
            "the one under this prefix. Without it the host's is used. The project's is that which `.python-version`, "
            "`runtime.txt`, `.tool-versions`, `mise.toml` or a Pipfile names, here or above it in its repository, else "
            "the one that runs `releaser` if it is within `requires-python`, else the newest on this machine that is. "
            "It is looked for on `PATH`, among pyenv's and among uv's; `releaser build` has uv fetch what is not there."
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
)
