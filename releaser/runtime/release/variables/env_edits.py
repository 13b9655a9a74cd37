"""Was env.sh edited on this host, and what becomes of that with another version?

Each version has a file of its own, so an edit of the present one is lost with the next. It is said, and carried over on
`--keep-env`: the whole file, unless that would lose what the other version's file sets. There is one point of no
return, the rename of the copy; it lies in a folder of its own until then, which the next `unpack` removes.

What stands in `env_file` is read by every version, and needs none of this.
"""

from __future__ import annotations

import os

from ..checking.record import RecordError, load
from ..checking.tree_check import record_path
from ..failures import DAMAGED, FAILED, Failure
from ..layout import Layout
from ..regular import read_bytes
from ..versions import (
    STAGED,
    booting_file,
    found_versions,
    how_to_name,
    previous_file,
    previous_version,
    take_lock,
)
from .environment import is_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..context import Context

KEEP_ENV = "--keep-env"
NAME = "env.sh"
_LONGEST_FILE = 1024 * 1024
_BETWEEN_COMMANDS = ";&|()"


def built_sha256(layout: Layout) -> str:
    """Return the sha256 of a version's env.sh as it was built, or nothing where that was not recorded."""
    try:
        found = load(record_path(layout.root, layout.version)).get(f"releases/{layout.version}/{NAME}")
    except RecordError:
        return ""
    return found.sha256 if found is not None else ""


class Edits:
    """The edits of one version's env.sh, seen from another version."""

    __slots__ = ("_context", "_new", "_old", "names", "new", "old", "text")

    def __init__(self, context: Context, old: str, new: str) -> None:
        """Look at both files.

        Raises:
            Failure: one of them is no file.
            PermissionError: this user may not read one of them.
        """
        root, var = context.layout.root, context.layout.var
        self._context = context
        self._old, self._new = Layout(root, old, var), Layout(root, new, var)
        self.old, self.new = old, new
        self.text = _read(self._old)
        self.names = _names(self.text)

    def is_missing(self) -> bool:
        """Tell whether the old version's file was edited, and the new version's is another one."""
        return (
            bool(self.old)
            and self.old != self.new
            and os.path.exists(self._old.env_file)
            and _is_edited(self._old, self.text)
            and self.text != _read(self._new)
        )

    def warning(self) -> list[str]:
        """Return what is said where they are not carried over."""
        return [
            f"warning: {self._place(self.old)} was edited on this host, and {self._what_new_has()}",
            *([f"  it sets {', '.join(self.names)}"] if self.names else []),
            f"  now: a start of {self.new} goes without; both files are as they were",
            f"      hint: {self._hint()}",
        ]

    def carry_over(self) -> None:
        """Put a copy of the edited file in the place of the new version's, on the disk when this returns.

        Raises:
            Failure: that one has settings of its own, and neither may be lost; or somebody else changes versions.
            OSError: it cannot be written; the new version's file is as it was.
        """
        lock = take_lock(self._context)
        try:
            there = _read(self._new)
            if (there and _is_edited(self._new, there)) or (
                _names(there) and built_sha256(self._new) != built_sha256(self._old)
            ):
                raise Failure(
                    f"cannot carry {self._place(self.old)} over: {self._what_new_has()}",
                    FAILED,
                    now="both files are as they were",
                    hint=f"`diff {self._old.env_file} {self._new.env_file}` shows what to write into the second one",
                )
            _replace(self.text, self._old.env_file, self._new.env_file, os.path.dirname(self._new.release))
        finally:
            os.close(lock)

    def carried(self) -> str:
        """Return what is said of edits that were carried over."""
        return f"{self._place(self.old)}, edited on this host, is {self._place(self.new)} now"

    def _what_new_has(self) -> str:
        there = _read(self._new)
        if there and _is_edited(self._new, there):
            return f"{self._place(self.new)} was edited as well, differently"
        if _names(there):
            return f"{self._place(self.new)} has settings of its own"
        return f"{self._place(self.new)} does not have that"

    def _hint(self) -> str:
        there = _read(self._new)
        if (there and _is_edited(self._new, there)) or _names(there):
            how = f"`diff {self._old.env_file} {self._new.env_file}` shows what to write into the second one"
        else:
            how = f"`{self._context.name} upgrade {self.new} {KEEP_ENV}` carries it over"
        named = self._context.manifest.env_file.removeprefix("-")
        lasting = f"env_file, {named}, is" if named else "what `env_file` in rel/config.toml names is"
        return f"{how}; {lasting} read by every version"

    @staticmethod
    def _place(version: str) -> str:
        return f"releases/{version}/{NAME}"


def before_unpacking(context: Context, present: str, *, is_kept: bool) -> None:
    """Refuse to unpack where the present version's env.sh cannot be looked at, or cannot be kept and is to be.

    Raises:
        Failure: it is no file; or `present`, which is to be kept from, is no version that is here.
        PermissionError: this user may not read it.
    """
    if is_kept:
        _check_source(context, present, booting_file(context.layout))
    if present:
        _read(Layout(context.layout.root, present, context.layout.var))


def after_unpacking(context: Context, present: str, version: str, *, is_kept: bool) -> list[str]:
    """Say, or carry over, what of the present version's env.sh a version that was unpacked has not; return warnings.

    Raises:
        Failure: it cannot be carried over.
    """
    return _deal_with(Edits(context, present, version), is_kept)


def before_switching(context: Context, old: str, version: str, *, is_kept: bool) -> tuple[list[str], bool]:
    """Do the same before `version` takes over from `old`; return the warnings, and whether a file was carried over.

    Where `version` is what runs already, it is the version before whose edits are meant: whoever was warned can do then
    what the hint said.

    Raises:
        Failure: it cannot be carried over; nothing was switched.
    """
    if old == version and not is_kept:
        return [], False
    source = previous_version(context.layout) if old == version else old
    if is_kept:
        named_in = previous_file(context.layout) if old == version else booting_file(context.layout)
        _check_source(context, source, named_in)
    edits = Edits(context, source, version)
    is_missing = edits.is_missing()
    return _deal_with(edits, is_kept), is_missing and is_kept


def _check_source(context: Context, version: str, named_in: str) -> None:
    """Refuse to keep the env.sh of a version that is not here; where nothing was ever named there is none to keep.

    Raises:
        Failure: `version`, which the file `named_in` is to name, is not one of those that are here.
    """
    names = [each.name for each in found_versions(context.layout.root)]
    if version in names or not os.path.lexists(named_in):
        return
    raise Failure(
        f"cannot carry {NAME} over: {named_in} names no version that is here",
        DAMAGED,
        now="nothing was changed",
        hint=how_to_name(named_in, names),
    )


def _deal_with(edits: Edits, is_kept: bool) -> list[str]:
    if not edits.is_missing():
        return []
    if not is_kept:
        return edits.warning()
    try:
        edits.carry_over()
    except OSError as error:
        raise Failure(
            f"cannot carry {NAME} over to {edits.new}: {error.filename}: {error.strerror}",
            FAILED,
            now="both files are as they were",
        ) from error
    print(edits.carried(), flush=True)
    return []


def _is_edited(layout: Layout, text: bytes) -> bool:
    """Tell whether `text` is not what was built; where that was not recorded, whether it sets anything."""
    built = built_sha256(layout)
    if not built:
        return bool(_names(text))
    import hashlib

    return hashlib.sha256(text).hexdigest() != built


def _names(text: bytes) -> list[str]:
    """Return the names of the variables that a file sets, and `more` where it does something else."""
    found: list[str] = []
    for line in text.decode("utf-8", "replace").splitlines():
        for command in _commands(line.strip()):
            found += [word for word in _set_by(command) if word not in found]
    return list(dict.fromkeys(found))


def _commands(line: str) -> list[list[str]]:
    """Return the words of each command in a line of sh, without quotes and without what follows a `#`."""
    import shlex

    if not line or line.startswith("#"):
        return []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_BETWEEN_COMMANDS)
    lexer.whitespace_split = True
    lexer.commenters = ""  # that would end a line in the middle of a word as well
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word.startswith("#"):
                break
            if word.strip(_BETWEEN_COMMANDS):
                commands[-1].append(word)
            else:
                commands.append([])
    except ValueError:  # a quoted value goes on in the next line
        if not commands[-1]:
            commands[-1].append(line)
    return [command for command in commands if command]


def _set_by(words: list[str]) -> list[str]:
    """Return what one command sets: each of its assignments, if it has nothing else."""
    names = [word.partition("=")[0] for word in words if "=" in word or words[0] == "export"]
    names = names[1:] if words[0] == "export" else names
    is_setting = len(names) == len(words) - (words[0] == "export") and all(map(is_name, names))
    return names if is_setting and names else ["more"]


def _read(layout: Layout) -> bytes:
    """Return what is in a version's env.sh, which need not be there.

    Raises:
        Failure: it is no file.
        PermissionError: this user may not read it.
    """
    try:
        return read_bytes(layout.env_file, _LONGEST_FILE)
    except FileNotFoundError:
        return b""
    except PermissionError:
        raise
    except OSError as error:
        import shlex

        path, aside = layout.env_file, f"{layout.root}-{layout.version}-{NAME}"  # not where files are compared
        raise Failure(
            f"cannot read {path}: {(error.strerror or '').lower()}",
            DAMAGED,
            now="nothing was changed",
            hint=f"`mv {shlex.quote(path)} {shlex.quote(aside)}` takes it out of the way: a version needs none",
        ) from error


def _replace(text: bytes, source: str, target: str, releases: str) -> None:
    """Put a copy of the file `source`, which holds `text`, in the place of another one, its owner and mode included.

    A kill leaves one of the two, whole.
    """
    status = os.stat(source)
    folder = os.path.join(releases, f"{STAGED}{os.getpid()}")
    temporary = os.path.join(folder, NAME)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        with open(temporary, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            try:
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            except PermissionError:
                pass  # whoever is not root gives nothing away
            os.fchmod(file.fileno(), status.st_mode & 0o777)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    finally:
        os.rmdir(folder)
    opened = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
