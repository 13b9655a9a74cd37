"""What a dry run has planned, as statements: by env.py's offline half, so that nothing is executed."""

from __future__ import annotations

from alembic.runtime.environment import EnvironmentContext

from ...release.failures import Failure
from ..output.alembic_log import drop_repetitions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from alembic.runtime.migration import MigrationContext, RevisionStep

    from .order import Order
    from .progress import Progress


def write_sql(order: Order, progress: Progress, stream: TextIO) -> None:
    """Write what a dry run has planned as statements, by env.py's offline half; nothing is executed.

    Raises:
        Failure: env.py configures several databases, whose statements alembic does not tell apart.
        Exception: whatever env.py or a revision raised: one that reads from the database cannot be written down.
    """
    if len(progress.databases) != 1:
        raise Failure("cannot write the statements of several databases", now="nothing was migrated")
    heads = tuple(progress.databases[0].expected)
    order.scripts.config.output_buffer = stream

    def steps(found: object, context: MigrationContext) -> list[RevisionStep]:
        return order.steps(frozenset(heads))

    environment = EnvironmentContext(
        order.scripts.config,
        order.scripts.directory,
        fn=steps,
        as_sql=True,
        starting_rev=heads[0] if heads else "base",
        destination_rev=order.destination,
    )
    inner = environment.configure

    def configure(*more: Any, **settings: Any) -> None:
        # One that makes its engine itself says neither URL nor kind of database when it is offline.
        if not settings.get("url") and not settings.get("dialect_name"):
            settings["dialect_name"] = progress.databases[0].engine.dialect.name
        inner(*more, **settings)

    drop_repetitions()
    environment.configure = configure  # type: ignore[method-assign]
    with environment:
        order.scripts.directory.run_env()
