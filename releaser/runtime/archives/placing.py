"""How does a staged version get to its place, and what is put back of one that is not as it was built?

Each thing is moved by one rename. Whatever stands against it is found before the first of them: a folder where a file
was built, a link where a folder was. Nothing that is not part of the release is ever removed.
"""

from __future__ import annotations

import os
import shutil

from ..release.checking import record, tree_check
from ..release.checking.record import FOLDER, LINK, Member
from ..release.failures import FAILED, Failure
from ..release.layout import Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..release.context import Context
    from .contents import Contents

_NOTHING = "nothing was unpacked"
_ENV = "env.sh"
_MOST_TOLD = 20


class Placing:
    """One version, staged below `releases`, on its way into the root."""

    def __init__(self, context: Context, contents: Contents, staged: str) -> None:
        self._root = context.layout.root
        self._context = context
        self._contents = contents
        self._staged = staged
        self._home = f"releases/{contents.version}"
        self._launcher = f"bin/{contents.name}"
        self._kept = tuple(f"{self._home}/{name}" for name in (record.CHECKSUMS, f"{record.CHECKSUMS}.sig"))
        self._wrong = 0

    def tree(self) -> tree_check.Tree:
        """Return what was found of the version that is there, by the record of the archive."""
        layout = Layout(self._root, self._contents.version, self._context.layout.var)
        tree = tree_check.compare(layout, self._contents.manifest, self._contents.record)
        path = f"{self._home}/{record.NAME}"
        try:
            is_same = record.sha256_of(os.path.join(self._root, path)) == self._contents.record_sha256
        except OSError:
            is_same = False
        if not is_same:
            tree.differences.append(tree_check.Difference(path, f"{path}: changed"))
        return tree

    def check(self, *, is_there: bool) -> None:
        """Find what stands against it, before anything is moved.

        Raises:
            Failure: a folder or a link is where something else was built, or an interpreter is not as it was built.
        """
        of_version = [*self._contents.record, f"{self._home}/{record.NAME}", *self._kept] if is_there else []
        paths = ["bin", "releases", self._launcher, *of_version]
        problems = [problem for path in paths if (problem := self._in_the_way(path))]
        if problems:
            raise Failure(
                f"cannot put {self._contents.name} {self._contents.version} into {self._root}",
                FAILED,
                details=tuple(dict.fromkeys(problems))[:_MOST_TOLD],
                now="nothing was changed",
                hint="move it away, or put back what was there",
            )
        if not is_there:
            self._check_pythons()

    def add(self) -> list[str]:
        """Put a version there that is not; return what was replaced of the things that all versions share.

        Raises:
            OSError: something cannot be moved; the version is not there.
        """
        bundled = self._contents.manifest.python.bundled
        if bundled and not os.path.lexists(os.path.join(self._root, bundled)):
            os.rename(os.path.join(self._staged, bundled), os.path.join(self._root, bundled))
        replaced = [self._launcher] if self._replace_launcher() else []
        home = os.path.join(self._root, self._home)
        if os.path.lexists(home):  # left by something that does not know how a version is put there
            self._keep_env(home)
            os.rename(home, os.path.join(self._staged, "incomplete"))
        os.rename(os.path.join(self._staged, self._home), home)
        return replaced

    def repair(self) -> tuple[list[str], list[str]]:
        """Put back what was changed or is missing, each by a rename; return those paths, and what was left alone.

        Raises:
            OSError: something cannot be moved; calling it again goes on.
        """
        known = {*self._contents.record, f"{self._home}/{record.NAME}"}
        paths = [difference.path for difference in self.tree().of_release]
        whole = ""
        for path in paths:
            if path in known and not (whole and path.startswith(f"{whole}/")):
                whole = path if self._put_back(path) else ""
        replaced = [path for path in paths if path in known]
        for path in self._kept:
            if os.path.exists(os.path.join(self._staged, path)):
                os.rename(os.path.join(self._staged, path), os.path.join(self._root, path))
                replaced.append(path)
        return replaced, [path for path in paths if path not in known]

    def _in_the_way(self, path: str) -> str:
        """Return why what was built at `path` cannot be put there, or nothing."""
        place = os.path.join(self._root, path)
        built = self._contents.record.get(path)
        is_folder = path == "bin" or path == "releases" or (built is not None and built.kind == FOLDER)
        if not os.path.lexists(place):
            return ""
        if is_folder and (os.path.islink(place) or not os.path.isdir(place)):
            return f"{path}: it is no folder, and was built as one"
        if not is_folder and os.path.isdir(place) and not os.path.islink(place):
            return f"{path}: it is a folder, and was built as a {'link' if built and built.kind == LINK else 'file'}"
        return ""

    def _put_back(self, path: str) -> bool:
        """Have at `path` what was built; tell whether that is a folder with all that belongs in it."""
        place, staged = os.path.join(self._root, path), os.path.join(self._staged, path)
        member = self._contents.record.get(path)
        is_folder = member is not None and member.kind == FOLDER
        if is_folder and os.path.isdir(place):
            os.chmod(place, 0o755)
            return False
        if os.path.lexists(place):
            self._wrong += 1
            os.rename(place, os.path.join(self._staged, f"wrong-{self._wrong}"))
        os.rename(staged, place)
        return is_folder

    def _replace_launcher(self) -> bool:
        """Put the launcher in its place; tell whether another one was there."""
        place = os.path.join(self._root, self._launcher)
        member: Member = self._contents.record[self._launcher]
        found = record.look_at(place, record.sha256_of) if os.path.lexists(place) else None
        if found == member:
            return False
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.rename(os.path.join(self._staged, self._launcher), place)
        return found is not None

    def _keep_env(self, home: str) -> None:
        """Carry an env.sh over that was edited in a version that is not complete."""
        path, built = os.path.join(home, _ENV), self._contents.record.get(f"{self._home}/{_ENV}")
        try:
            is_edited = built is not None and record.sha256_of(path) != built.sha256
        except OSError:
            return
        if is_edited:
            shutil.copy2(path, os.path.join(self._staged, self._home, _ENV))

    def _check_pythons(self) -> None:
        """Refuse an interpreter that is there already, and not as it was built.

        Raises:
            Failure: how it differs.
        """
        bundled = self._contents.manifest.python.bundled
        if not bundled or not os.path.lexists(os.path.join(self._root, bundled)):
            return
        members = {
            path: member for path, member in self._contents.record.items() if f"{path}/".startswith(f"{bundled}/")
        }
        differences = tree_check.compare_members(self._root, members)
        if differences:
            raise Failure(
                f"the interpreter {bundled} is there already, and is not as it was built",
                FAILED,
                details=tuple(difference.told for difference in differences[:_MOST_TOLD]),
                now=_NOTHING,
                hint=f"`{self._context.name} verify` tells more; `unpack --repair` of the version that brought it "
                "puts it back",
            )
