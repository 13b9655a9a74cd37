"""Which release is laid over which? `extends`, resolved before an environment is laid over the result.

What a release or an environment says is laid over what it extends, by the same rules as an environment over a release.
"""

from __future__ import annotations

from collections.abc import Mapping

from releaser.config.document import Item, nearest_hint, quoted
from releaser.config.kinds import Setting
from releaser.config.sections import Section

SETTING = "extends"


def check_extends(item: Item) -> None:
    """Note each `extends` in a table of releases or environments that names none, or leads back to where it stands."""
    if not isinstance(item.data, dict):
        return
    bases = {name: _base_of(table) for name, table in item.data.items()}
    circles = _circles(bases)
    for entry in item.entries():
        base = bases[entry.name]
        if base is None:
            continue
        written = next(setting for setting in entry.entries() if setting.name == SETTING)
        if base not in bases:
            hint = nearest_hint(entry, base, (name for name in bases if name != entry.name), f"{item.name}s")
            item.problems.add(written.origin, f"there is no {item.name} {quoted(base)}", hint)
            continue
        if circle := circles.get(entry.name):
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


def _circles(bases: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return each chain of names that leads back to its begin, by the one of them that the file has first."""
    order = {name: number for number, name in enumerate(bases)}
    circles: dict[str, list[str]] = {}
    seen: set[str] = set()
    for name in bases:
        way: dict[str, int] = {}
        here: str | None = name
        while here is not None and here not in seen:
            seen.add(here)
            way[here] = len(way)
            here = bases.get(here)
        if here in way:
            circle = list(way)[way[here] :]
            first = circle.index(min(circle, key=order.__getitem__))
            circles[circle[first]] = [*circle[first:], *circle[:first]]
    return circles
