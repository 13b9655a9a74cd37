"""A release with migrations, written by hand: alembic scripts from text, and the test's own packages as its bundle."""

from __future__ import annotations

import hashlib
import shlex
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.handmade import Handmade, write_release

from releaser.runtime.release.manifest import Migrations

OWN_PACKAGES = Path(sysconfig.get_path("purelib"))
NOT_BUNDLED = (".pth", "_virtualenv.py", "__pycache__")

GENERIC_ENV = """\
from logging.config import fileConfig
from sqlalchemy import engine_from_config, pool
from alembic import context

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name)

connectable = engine_from_config(
    config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool
)
with connectable.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def revision(identity: str, down: str | None, title: str, *upgrade: str) -> str:
    """Return the text of a revision file whose `upgrade` has the given lines."""
    body = "\n".join(f"    {line}" for line in upgrade) or "    pass"
    return (
        f'"""{title}"""\n'
        "import sqlalchemy as sa\n"
        "from alembic import op\n\n"
        f"revision = {identity!r}\n"
        f"down_revision = {down!r}\n\n"
        f"def upgrade():\n{body}\n\n"
        "def downgrade():\n    pass\n"
    )


ACCOUNTS = {
    "a001": revision("a001", None, "create account", *(
        'op.create_table("account", sa.Column("id", sa.Integer, primary_key=True), sa.Column("balance", sa.Integer))',
        'op.execute("INSERT INTO account (id, balance) VALUES (1, 1000)")',
    )),
    "a002": revision("a002", "a001", "add owner", 'op.add_column("account", sa.Column("owner", sa.String(20)))'),
    "a003": revision("a003", "a002", "pay interest", 'op.execute("UPDATE account SET balance = balance + 1")'),
}  # fmt: skip
"""Three revisions after which the only balance is 1001; applied twice, it is not."""


def write_migrated(
    root: Path,
    revisions: Mapping[str, str],
    *,
    url: str = "${DATABASE_URL}",
    env: str = GENERIC_ENV,
    config: Mapping[str, str] | None = None,
    scripts: str = "migrations/default",
    settings: Mapping[str, Any] | None = None,
    packages: Path = OWN_PACKAGES,
    **fields: Any,
) -> Handmade:
    """Write a release whose migrations are `revisions`, id to text, and whose bundle is already unpacked.

    `config` maps the names of alembic.ini and pyproject.toml to their text; the first is the manifest's. `scripts` is
    the manifest's; an absolute folder makes the release one of dev_mode.
    `settings` are of `[release.X.migrations]`, `packages` is what is bundled.
    """
    record = record_of("default", revisions, url=url, env=env, config=config, scripts=scripts, settings=settings)
    release = write_release(root, modules={}, migrations=[record], **fields)
    write_scripts(release, "default", revisions, env=env)
    for name, text in (config or {}).items():
        (Path(release.layout.migrations) / name).write_text(text)
    unpack_by_links(release, packages)
    write_launcher(release)
    return release


def write_several(
    root: Path,
    databases: Mapping[str, Mapping[str, str]],
    *,
    env: str = GENERIC_ENV,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    modules: Mapping[str, str] | None = None,
    **fields: Any,
) -> Handmade:
    """Write a release with several databases: the revisions of each by its name, which is also that of its URL.

    The URL of `accounts` is the variable `ACCOUNTS_URL`. `settings` are of each database that has some; `modules` maps
    paths in the bundle to their text.
    """
    records = [
        record_of(
            name,
            revisions,
            env=env,
            settings={"url": f"${{{name.upper()}_URL}}", **(settings or {}).get(name, {})},
            scripts=f"migrations/{name}",
        )
        for name, revisions in databases.items()
    ]
    release = write_release(root, modules=modules or {}, migrations=records, **fields)
    for name, revisions in databases.items():
        write_scripts(release, name, revisions, env=env)
    unpack_by_links(release, modules=modules)
    write_launcher(release)
    return release


def record_of(
    name: str,
    revisions: Mapping[str, str],
    *,
    env: str,
    scripts: str,
    url: str = "",
    config: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Migrations:
    """Return what the manifest says of a database with these revisions."""
    line = list(revisions)
    return Migrations(
        **{
            "name": name,
            "scripts": scripts,
            "config": f"migrations/{next(iter(config))}" if config else "",
            "url": url,
            "run": "manual",
            "version_table": "alembic_version",
            "line": line,
            "heads": line[-1:],
            "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in revisions.items()},
            "url_is_used": env == GENERIC_ENV,
            **(settings or {}),
        }
    )


def write_scripts(release: Handmade, name: str, revisions: Mapping[str, str], *, env: str) -> None:
    """Write env.py and the revisions of a database."""
    folder = Path(release.layout.migrations) / name
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(env)
    for identity, text in revisions.items():
        (folder / "versions" / f"{identity}.py").write_text(text)


def write_launcher(release: Handmade) -> None:
    """Write `bin/NAME`, as short as it can be."""
    launcher = release.root / "bin" / release.name
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(release.command())} "$@"\n')
    launcher.chmod(0o755)


def unpack_by_links(release: Handmade, packages: Path = OWN_PACKAGES, modules: Mapping[str, str] | None = None) -> None:
    """Put a folder of packages, this test's own, where the release's unpacked bundle would be, and modules into it."""
    manifest = release.manifest
    folder = Path(release.layout.site_packages(manifest.bundle.id, manifest.python.version))
    folder.mkdir(parents=True)
    for package in packages.iterdir():
        if not package.name.endswith(NOT_BUNDLED):
            (folder / package.name).symlink_to(package)
    for name, text in (modules or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
