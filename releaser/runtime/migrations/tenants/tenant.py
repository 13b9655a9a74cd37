"""Which tenants does a database have? What the callable `targets` returned, checked.

No message shows a value that the callable returned, since an URL may hold a password; names of tenants are shown.
"""

from __future__ import annotations

from ...release.failures import DAMAGED, USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_KEYS = ("name", "url", "schema")
_LONGEST_NAME = 100
_SHOWN = 10
_WANTED = "expected a mapping of names to URLs, or a list of mappings with name, url and schema"


class Tenant:
    """One tenant: its name, the URL of its database and its schema, both "" for what all have in common."""

    __slots__ = ("name", "schema", "url")

    def __init__(self, name: str, url: str = "", schema: str = "") -> None:
        self.name = name
        self.url = url
        self.schema = schema

    def words(self) -> list[str]:
        """Return what `alembic -x` would be given for it."""
        return [f"tenant={self.name}", *([f"schema={self.schema}"] if self.schema else [])]

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return {"name": self.name, "url": self.url, "schema": self.schema}


def read_tenants(function: str, value: Any) -> list[Tenant]:
    """Return the tenants that `function` returned as `value`, in its order.

    Raises:
        Failure: they cannot be used; everything that is wrong is told at once.
    """
    found: list[Tenant] = []
    details: list[str] = []
    for number, entry in enumerate(_entries(function, value), 1):
        problem = _problem(entry)
        if problem:
            details.append(f"number {number}: {problem}")
            continue
        found.append(Tenant(entry["name"], entry.get("url") or "", entry.get("schema") or ""))
    details += _doubles(found)
    if details:
        left = len(details) - _SHOWN
        told = (*details[:_SHOWN], *([f"and {left} more"] if left > 0 else []))
        raise _unusable(function, told)
    return found


def only(found: Sequence[Tenant], name: str) -> list[Tenant]:
    """Return the tenant of that name alone, or all of them if it is empty.

    Raises:
        Failure: there is none; exit code 2.
    """
    chosen = [tenant for tenant in found if name in ("", tenant.name)]
    if name and not chosen:
        import difflib

        near = difflib.get_close_matches(name, [tenant.name for tenant in found], n=1)
        raise Failure(
            f"there is no tenant '{name}' among {len(found)}",
            USAGE,
            now="nothing was migrated",
            hint=f"did you mean '{near[0]}'?" if near else "",
        )
    return chosen


def _entries(function: str, value: Any) -> Iterable[Any]:
    if hasattr(value, "items"):
        return [
            {**url, "name": name} if hasattr(url, "items") else {"name": name, "url": url}
            for name, url in value.items()
        ]
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise _unusable(function, (f"{_WANTED}, found {_type_of(value)}",))
    return [{"name": entry} if isinstance(entry, str) else entry for entry in value]


def _problem(entry: Any) -> str:
    """Return what is wrong with one entry, "" if nothing is."""
    if not hasattr(entry, "items"):
        return f"expected a mapping with name, url and schema, found {_type_of(entry)}"
    unknown = [str(key) for key in entry if key not in _KEYS]
    if unknown:
        return f"unknown key '{unknown[0]}'; known are {', '.join(_KEYS)}"
    name = entry.get("name")
    if not isinstance(name, str):
        return f"name: expected text, found {_type_of(name)}"
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or " " in name or name.startswith("-"):
        return f"name: expected up to {_LONGEST_NAME} characters without spaces and no '-' in front"
    for key in ("url", "schema"):
        text = entry.get(key)
        if text is not None and not isinstance(text, str):
            return f"{key} of {name}: expected text, found {_type_of(text)}"
        if isinstance(text, str) and not text:
            return f"{key} of {name}: expected text, found empty text"
    return ""


def _doubles(found: Sequence[Tenant]) -> list[str]:
    details = []
    names: set[str] = set()
    schemas: dict[tuple[str, str], str] = {}
    for tenant in found:
        if tenant.name in names:
            details.append(f"the name {tenant.name} is there twice")
        names.add(tenant.name)
        place = (tenant.url, tenant.schema)
        if tenant.schema and place in schemas:
            details.append(f"{schemas[place]} and {tenant.name} are the same schema of the same database")
        schemas[place] = tenant.name
    return details


def _type_of(value: Any) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _unusable(function: str, details: tuple[str, ...]) -> Failure:
    return Failure(f"cannot use the tenants that {function} returned", DAMAGED, details, now="nothing was migrated")
