"""A column for the place a guest is from

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable: code that does not know the column goes on adding entries.
    op.add_column("entries", sa.Column("place", sa.String(255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("entries") as table:  # SQLite before 3.35 cannot drop a column
        table.drop_column("place")
