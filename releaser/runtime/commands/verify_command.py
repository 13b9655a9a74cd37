"""Is this version on this host what was built, and signed? The command verify."""

from __future__ import annotations

import os

from ..archives.vouched import check_kept
from ..bundle.bundle_check import compare_bundle
from ..release.checking import tree_check
from ..release.failures import DAMAGED, DONE, FAILED, USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context


def verify(context: Context, args: list[str]) -> int:
    """Compare every file, folder and link with the record, and the unpacked bundle with the zipapp.

    Where the root has a file `allowed_signers`, somebody in it must have signed the record.

    Raises:
        Failure: something is not as it was built, or not signed; all of it is named.
    """
    if args:
        raise Failure(
            f"expected `{context.name} verify`, found '{' '.join(args)}' behind it", USAGE, now="nothing was done"
        )
    title = f"{context.name} {context.layout.version}"
    signed = _signature(context)
    tree = tree_check.compare(context.layout, context.manifest)
    try:
        in_bundle, unpacked = compare_bundle(context, _own_python(context))
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}", DAMAGED) from error
    problems = (*tree.problems, *in_bundle)
    if problems:
        raise Failure(
            f"{title} is not as it was built",
            FAILED,
            details=problems,
            now=f"{len(problems)} of {tree.count + unpacked} differ; nothing was changed",
            hint=_hint(context, tree, in_bundle),
        )
    print(f"{title}: {tree.count} files, folders and links are as they were built")
    for line in (*signed, *_bundle_line(context, unpacked), *_env_line(context, is_edited=tree.is_env_edited)):
        print(f"  {line}")
    return DONE


def _own_python(context: Context) -> str:
    """Return the real path of the interpreter that the release brought, or nothing."""
    bundled = context.manifest.python.bundled
    return os.path.realpath(os.path.join(context.layout.root, bundled, "bin", "python3")) if bundled else ""


def _hint(context: Context, tree: tree_check.Tree, in_bundle: list[str]) -> str:
    strange = [each for each in tree.differences if each.told.endswith(tree_check.NOT_PART)]
    if len(strange) < len(tree.differences):
        archive = f"{context.name}-{context.layout.version}.tar.gz"
        return f"`{context.name} unpack --repair {archive}` puts back what was changed or is missing, but for env.sh"
    if strange:
        return "look at what is not part of the release, and move it away if nobody needs it there"
    bundle = context.layout.bundle(context.manifest.bundle.id)
    return f"`{context.name} stop`, remove {bundle}, `{context.name} start`: a start unpacks it anew"


def _signature(context: Context) -> list[str]:
    allowed_signers = os.path.join(context.layout.root, tree_check.ALLOWED_SIGNERS)
    if not os.path.lexists(allowed_signers):
        return []
    signer = check_kept(context.layout.release, f"{context.name}-{context.layout.version}", allowed_signers)
    return [f"signed by {signer.identity} with {signer.key}"]


def _bundle_line(context: Context, unpacked: int) -> list[str]:
    bundle = context.manifest.bundle.file
    return [f"the unpacked bundle is that of {bundle}: {unpacked} files, folders and links"] if unpacked else []


def _env_line(context: Context, *, is_edited: bool) -> list[str]:
    return [f"releases/{context.layout.version}/env.sh was edited on this host"] if is_edited else []
