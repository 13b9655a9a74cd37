"""How alembic reaches the database: alembic's own template, with the URL from the app's settings."""

import os

from alembic import context
from sqlalchemy import create_engine, pool

from guestbook import settings
from guestbook.models import Base

target_metadata = Base.metadata


def run_migrations_offline() -> None:
    """Write the SQL to standard output (`alembic upgrade head --sql`)."""
    context.configure(
        url=settings.database_url(os.environ),
        target_metadata=target_metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    """Run the migrations on a connection of their own."""
    connectable = create_engine(settings.database_url(os.environ), poolclass=pool.NullPool)
    with connectable.connect() as connection:
        context.configure(connection=connection, target_metadata=target_metadata)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
