"""One of the two distributions that have modules in `acme`, which has no module of its own."""

import acme
import click
from acme import prices


def main() -> None:
    folders = len(list(acme.__path__))
    click.echo(f"tea is {prices.of('tea')}, from {folders} folder{'s' * (folders > 1)} of acme")
