"""One of the two distributions that have modules in `acme`, which has no module of its own."""

import acme
import click
from acme import prices


def main() -> None:
    click.echo(f"tea is {prices.of('tea')}, and acme has {len(list(acme.__path__))} folder")
