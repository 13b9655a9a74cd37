"""Move places out of the names

Before there was a field for the place, guests signed as "Ada Lovelace, London".

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEPARATOR = ", "
# The table as it is at this revision: the models go on changing, a revision does not.
entries = sa.table(
    "entries",
    sa.column("author", sa.String),
    sa.column("place", sa.String),
)


def upgrade() -> None:
    author, place = entries.c.author, entries.c.place
    find = sa.func.strpos if op.get_context().dialect.name == "postgresql" else sa.func.instr
    at = find(author, SEPARATOR, type_=sa.Integer)
    rest = sa.func.substr(author, at + len(SEPARATOR))
    op.execute(
        sa.update(entries)
        .where(place.is_(None), at > 1, rest != "")
        # The place first: MariaDB assigns from left to right, and the second would see a name already cut.
        .ordered_values((place, rest), (author, sa.func.substr(author, 1, at - 1)))
    )


def downgrade() -> None:
    author, place = entries.c.author, entries.c.place
    op.execute(
        sa.update(entries).where(place.is_not(None)).ordered_values((author, author + SEPARATOR + place), (place, None))
    )
