"""The formats that this distribution offers itself."""

from tabulate import tabulate


def plain(rows: list[list[str]]) -> str:
    return tabulate(rows, tablefmt="plain")


def loud(rows: list[list[str]]) -> str:
    return plain(rows).upper()
