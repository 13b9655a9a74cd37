"""Which release is laid over which? `extends`, resolved before an environment is laid over the result.

What a release or an environment says is laid over what it extends, by the same rules as an environment over a release.
"""

from __future__ import annotations

from collections.abc import Mapping

from releaser.config.document import Item, quoted
from releaser.config.kinds import Setting
from releaser.config.nearest import name_hint
from releaser.config.sections import Section

SETTING = "extends"


def check_extends(item: Item) -> None:
    """Note each `extends` in a table of releases or environments that names none, or leads back to where it stands."""
    if not isinstance(item.data, dict):
        return
    bases = {name: _base_of(table) for name, table in item.data.items()}
    told: set[str] = set()
    for entry in item.entries():
        base = bases[entry.name]
        if base is None:
            continue
        written = next(setting for setting in entry.entries() if setting.name == SETTING)
        if base not in bases:
            hint = name_hint(base, [name for name in bases if name != entry.name], f"{item.name}s")
            item.problems.add(written.origin, f"there is no {item.name} {quoted(base)}", hint)
            continue
        circle = _circle(entry.name, bases)
        if circle and not told.intersection(circle):
            told.update(circle)
            chain = " extends ".join([*circle, circle[0]])
            item.problems.add(written.origin, f"it leads back to itself: {chain}", "remove one of them")


def resolve(tables: Mapping[str, Setting], settings: Section) -> dict[str, Setting]:
    """Return each of `tables` laid over what it extends; `check_extends` has found nothing."""
    resolved: dict[str, Setting] = {}
    for name in tables:
        chain = [name]
        while chain[-1] not in resolved and SETTING in tables[chain[-1]].value:
            chain.append(tables[chain[-1]].value[SETTING].value)
        for each in reversed(chain):
            if each not in resolved:
                resolved[each] = _over_its_base(tables[each], resolved, settings)
    return {name: resolved[name] for name in tables}


def _over_its_base(own: Setting, resolved: Mapping[str, Setting], settings: Section) -> Setting:
    if SETTING not in own.value:
        return own
    merged = settings.lay_over(resolved[own.value[SETTING].value], own)
    return Setting(value=merged.value, origin=own.origin)


def _base_of(table: object) -> str | None:
    base = table.get(SETTING) if isinstance(table, dict) else None
    return base if isinstance(base, str) else None


def _circle(name: str, bases: Mapping[str, str | None]) -> list[str]:
    """Return the names from `name` until it comes again; empty when it does not."""
    seen = [name]
    while (base := bases.get(seen[-1])) is not None and base != name:
        if base in seen:
            return []  # a circle further on, which is told where it is
        seen.append(base)
    return seen if base == name else []
