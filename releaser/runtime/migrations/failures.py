"""What ends a migration early: the exit codes of `migrate`, and how an error of a driver is told."""

from __future__ import annotations

import re
import signal

from ..release.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

PENDING = 10
"""`migrate --check`: there is something to apply."""
LOCK_WAIT_OVER = 11
"""Another runner held the database's lock until the limit."""
DIRTY = 12
"""A revision was left half-way, and what it has done cannot be undone by itself."""
AHEAD = 13
"""A newer release has migrated the database, and this one may not run on it."""
UNKNOWN_REVISION = 14
"""The database is at a revision that this release does not have."""
NOT_COMMITTED = 15
"""The revisions ran, and the database does not show it."""
RELEASE_DAMAGED = 16
"""The revisions on disk are not those of the manifest."""
APP_NOT_TOLD = 17
"""Everything is applied, and the function `after_migrate` failed in a process of the running app."""
HOOK_FAILED = 18
"""A hook of `pre_migrate` failed, and nothing was applied."""

EXTERNAL_HINT = 'if something else lets one runner in at a time, lock = "external" in [release.NAME.migrations] says so'
"""Where the lock of this tool cannot be trusted."""

MAX_STATEMENT_CHARACTERS = 200
_LONG_CHARACTERS = 8
_BLOT = "***"


def lock_wait_over(wait_s: float, holder: str, unlock: str = "") -> Failure:
    """Return what ends a runner that waited `wait_s` seconds for the lock of another.

    `unlock` is the command that ends the holder's session, where that waits for a process that may have gone.
    """
    return Failure(
        f"the database's migration lock was not free within {wait_s:g} s: held by {holder}",
        LOCK_WAIT_OVER,
        now="this process migrated nothing; the other one may still be at work",
        hint=f"if that process has gone, {unlock} ends its session" if unlock else "",
    )


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    A `KeyboardInterrupt`, because drivers know it: psycopg cancels the statement on the server when it sees one.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Secret:
    """The password of an URL, and how it is taken out of what others say."""

    __slots__ = ("_names", "_text")

    def __init__(self, text: str, names: Iterable[str] = ()) -> None:
        """Note the password and the URL's own `names`: of the user, the database, the host."""
        self._text = text
        self._names = frozenset(names)

    @classmethod
    def of(cls, url: Any) -> Secret:
        """Return that of an URL of SQLAlchemy."""
        password = url.password or url.query.get("password") or ""
        return cls(str(password), [name for name in (url.username, url.database, url.host) if name])

    def blotted(self, told: str) -> str:
        """Return `told` without the password where it stands as one.

        In any word only if it is long and no name of the URL's own: a password such as `shop` stands in half of the
        words about a shop, and `Table '***_items'` helps nobody.
        """
        if not self._text:
            return told
        is_name = self._text in self._names
        if len(self._text) >= _LONG_CHARACTERS and not is_name:
            return told.replace(self._text, _BLOT)
        word = re.escape(self._text)
        told = re.sub(rf"(?<=:){word}(?=@)", _BLOT, told)
        told = re.sub(rf"(?i)(\bpass(?:word|wd)?\s*[=:]\s*)(['\"]?){word}(?!\w)", rf"\1\2{_BLOT}", told)
        return told if is_name else re.sub(rf"(['\"]){word}\1", rf"\1{_BLOT}\1", told)


NO_SECRET = Secret("")


def lines_of(error: BaseException, secret: Secret = NO_SECRET) -> list[str]:
    """Return what `error` says, without what SQLAlchemy adds to it and without `secret`.

    An exception that is not a database's is told with its type: `'shop'` alone says nothing, `KeyError: 'shop'` does.
    """
    if type(error).__name__ == "PendingRollbackError" and error.__context__ is not None:
        error = error.__context__  # an autocommit_block goes on after an error; SQLAlchemy's complaint hides it
    original = getattr(error, "orig", None)
    told = str(original if original is not None else error)
    if original is None and not type(error).__module__.startswith(("sqlalchemy.", "alembic.")):
        told = f"{type(error).__name__}: {told}"
    elif original is not None and len(original.args) == 2 and isinstance(original.args[0], int):
        told = f"{original.args[1]} ({original.args[0]})"
    return [line.rstrip() for line in secret.blotted(told).splitlines() if line.strip()]


def shortened(statement: str) -> str:
    """Return `statement` on one line, cut to what fits on a screen."""
    line = " ".join(statement.split())
    return line if len(line) <= MAX_STATEMENT_CHARACTERS else f"{line[: MAX_STATEMENT_CHARACTERS - 3]}..."
