"""What is stored."""

from datetime import datetime

from sqlalchemy import DateTime, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of this app; alembic compares them with the database."""


class Entry(Base):
    """One signature in the book."""

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_signed_at", "signed_at"),
        # Names in every script, and emoji; other databases need no telling.
        {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    author: Mapped[str] = mapped_column(String(255))
    message: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime] = mapped_column(DateTime)
    """UTC, without a zone: the three databases agree on nothing richer."""
    place: Mapped[str | None] = mapped_column(String(255))
