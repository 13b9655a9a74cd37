"""What can be asked of a finished artifact? The commands inspect, diff and verify."""

from __future__ import annotations

from pathlib import Path

import click

from releaser.errors import ReleaserError, reason_of

DIFFERENT = 1


@click.command("inspect", short_help="Show what an archive or a folder holds, and what starts what.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, every file included.")
@click.option(
    "--html", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write one page for a browser."
)
def inspect_command(artifact: Path, as_json: bool, html: Path | None) -> None:
    """Show what an archive or a release's folder holds, and what starts what."""
    from releaser.artifacts.outline import outline_json, outline_lines
    from releaser.artifacts.page import page
    from releaser.artifacts.reading import read_artifact
    from releaser.config.explain import without_password

    found = read_artifact(artifact)
    if html is not None:
        try:
            html.write_text(page(found), encoding="utf-8")
        except OSError as error:
            raise ReleaserError(f"cannot write {html}: {reason_of(error)}", now="no page was written") from error
    if as_json:
        print(without_password(outline_json(found)))
    elif html is not None:
        print(f"wrote {html}")
    else:
        print("\n".join(outline_lines(found)))


@click.command("diff", short_help="Show what is different between two archives or folders.")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff_command(context: click.Context, a: Path, b: Path, as_json: bool) -> None:
    """Show what is different in B: dependencies, configuration, migrations, files.

    Exits with 0 when nothing is, with 1 when something is, and with 2 when one of them cannot be read.
    """
    from releaser.artifacts.compare import difference, difference_json, difference_lines
    from releaser.artifacts.reading import read_artifact
    from releaser.cli.output.masked import shown_difference

    old, new = read_artifact(a), read_artifact(b)
    found = shown_difference(difference(old, new))
    if as_json:
        print(difference_json(found))
    elif found.is_empty:
        print(f"no difference: both are {old.title}")
    else:
        print("\n".join([f"from {old.title} to {new.title}", *difference_lines(found)]))
    context.exit(0 if found.is_empty else DIFFERENT)


@click.command("verify", short_help="Check the signature and every file of an archive or folder.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--allowed-signers",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Who may have signed it, as in ssh-keygen(1); without a signature of theirs it is refused.",
)
@click.option("--identity", metavar="NAME", default="", help="The one of them who must have signed it.")
def verify_command(artifact: Path, allowed_signers: Path | None, identity: str) -> None:
    """Check an archive, or a release's folder: signature, checksums, and every file by its manifest."""
    from releaser.artifacts.verification import verify_artifact

    if identity and allowed_signers is None:
        raise click.UsageError("--identity needs --allowed-signers, which says whose key is whose")
    print("\n".join(verify_artifact(artifact, allowed_signers=allowed_signers, identity=identity)))


COMMANDS = (inspect_command, diff_command, verify_command)
