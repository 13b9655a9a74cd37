"""What is made to last: the modules of alembic, SQLAlchemy and the revisions, at which the collector need not look.

Python's cycle collector looks at young objects after some hundred more of them, and at all of them from time to time:
while modules are imported it finds nothing to free. What is there then is moved out of its sight, as
https://docs.python.org/3/library/gc.html#gc.freeze describes; what comes after that is collected as ever.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lasting() -> Iterator[None]:
    """Have the collector rest, and then leave alone what was made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
