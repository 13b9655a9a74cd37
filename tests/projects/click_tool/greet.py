"""A command-line tool that is one module."""

import click


@click.command()
@click.argument("name", default="world")
@click.option("--times", default=1, show_default=True)
@click.version_option(package_name="greet")
def main(name: str, times: int) -> None:
    """Greet NAME."""
    for _ in range(times):
        click.echo(f"hello {name}")
