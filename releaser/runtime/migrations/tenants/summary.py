"""How the tenants of a database are told: a line for each, and how many there are of what came of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..options import Options

NOT_BEGUN = "not begun"
WIDEST_NAME = 30


def table(rows: Sequence[dict[str, Any]], heads: Sequence[str]) -> list[str]:
    """Return a line for each tenant, and one that counts them by what came of them."""
    width = min(max([len("tenant"), *(len(row["target"]) for row in rows)]), WIDEST_NAME)
    lines = [f"{'tenant':{width}}  {'state':14}  {'revisions':>9}  at"]
    for row in rows:
        is_head = bool(row["at"]) and set(row["at"]) == set(heads)
        at = f"{', '.join(row['at'])}{' (head)' if is_head else ''}"
        state = f"failed ({row['exit_code']})" if "exit_code" in row else row["state"]
        number = len(row.get("would_apply") or row["applied"])
        lines.append(f"{row['target']:{width}}  {state:14}  {number or '':>9}  {at}".rstrip())
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return [*lines, f"{count_of(len(rows))}: {', '.join(f'{number} {state}' for state, number in counts.items())}"]


def state_of(row: dict[str, Any], options: Options) -> str:
    """Return in a few words what came of a tenant whose process did not fail."""
    if "revisions" in row:
        states = {revision["state"] for revision in row["revisions"]}
        return next((state for state in ("dirty", "running", "ahead") if state in states), _place(states))
    if row.get("would_apply"):
        return "pending"
    if row["applied"]:
        return "undone" if options.action == "down" else "applied"
    return "nothing to do" if options.action == "apply" else "done"


def _place(states: set[str]) -> str:
    return "behind" if states - {"applied"} else "at its head"


def count_of(number: int) -> str:
    """Return a number of tenants, in words."""
    return f"{number} tenant" if number == 1 else f"{number} tenants"
