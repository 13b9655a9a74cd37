"""An index for the order in which the page reads

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # On PostgreSQL guests go on signing meanwhile; that needs to stand outside of a transaction.
    with op.get_context().autocommit_block():
        op.create_index("ix_entries_signed_at", "entries", ["signed_at"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("ix_entries_signed_at", table_name="entries")
