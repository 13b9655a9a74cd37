"""What the words after `bin/NAME migrate` and `bin/NAME migrations` ask for."""

from __future__ import annotations

from ..release.failures import USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_LOCK_WAIT_S = 600.0
RESOLUTIONS = ("applied", "undone", "retry")
"""What a person can say of a revision that was left half-way."""
_UNITS_S = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0))


class Options:
    """What `migrate` was asked for."""

    __slots__ = (
        "action",
        "as_json",
        "at_least",
        "check",
        "is_dry_run",
        "is_forced",
        "is_listing",
        "lock_wait_s",
        "names",
        "phase",
        "resolution",
        "sql",
        "tenant",
        "to",
    )

    def __init__(
        self,
        *,
        to: str = "head",
        is_dry_run: bool = False,
        lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
        as_json: bool = False,
    ) -> None:
        self.action = "apply"  # or down, resolve, stamp, unlock
        self.to = to  # "head", a revision or the beginning of one, or "+2"
        self.at_least = False  # a database that is further than `to` is no error
        self.resolution = ""  # of resolve: one of RESOLUTIONS
        self.is_forced = False  # of stamp: over what the database says; of down and unlock: said in so many words
        self.phase = ""  # or pre: only what is due before the new code; or post: the rest
        self.is_dry_run = is_dry_run
        self.check = False  # a dry run whose exit code tells whether something is pending
        self.sql = False  # a dry run that prints the statements
        self.is_listing = False  # a dry run that refuses nothing: `migrations`
        self.lock_wait_s = lock_wait_s  # how long another runner is waited for
        self.as_json = as_json
        self.names: list[str] = []  # of databases; none: all of them
        self.tenant = ""  # the only tenant of a database, "": all of them

    def direction(self) -> dict[str, str]:
        """Return which way revisions are gone, for the function `after_migrate`."""
        return {"direction": "down" if self.action == "down" else "up"}

    def to_dict(self) -> dict[str, object]:
        """Return all of them as JSON can hold it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Options:
        """Return what `to_dict` was called on."""
        options = cls()
        for name, value in values.items():
            setattr(options, name, value)
        return options


def parse_migrate(args: Sequence[str]) -> Options:
    """Return what `migrate` was asked for.

    Raises:
        Failure: an unknown word, a missing or a bad value, or words that do not go together; exit code 2.
    """
    options = Options()
    words = list(args)
    actions: list[str] = []
    said: list[str] = []  # of the words that do not go with every other

    def value_of(name: str, given: str, found: str) -> str:
        if not found and not words:
            raise _usage("migrate", f"{name} needs a value")
        return given if found else words.pop(0)

    while words:
        name, equals, value = words.pop(0).partition("=")
        match name:
            case "--lock-wait":
                options.lock_wait_s = duration_s(value_of(name, value, equals))
            case "--to" | "--at-least":
                said.append(name)
                options.to = _revision(name, value_of(name, value, equals))
                options.at_least = name == "--at-least"
            case "--down-to" | "--stamp" | "--resolve":
                actions.append({"--down-to": "down"}.get(name, name[2:]))
                options.to = _place(name, value_of(name, value, equals))
                if name == "--resolve":
                    options.resolution = words.pop(0) if words else ""
            case "--phase":
                said.append(name)
                options.phase = value_of(name, value, equals)
            case "--unlock" if not equals:
                actions.append("unlock")
            case "--force" | "--yes-lose-data" if not equals:
                said.append(name)
                options.is_forced = True
            case "--dry-run" | "--plan" if not equals:
                said.append("--dry-run")
                options.is_dry_run = True
            case "--check" if not equals:
                said.append(name)
                options.is_dry_run = options.check = True
            case "--sql" if not equals:
                said.append(name)
                options.is_dry_run = options.sql = True
            case "--json" if not equals:
                options.as_json = True
            case "--target":
                options.tenant = _named("migrate", value_of(name, value, equals))
            case _ if name.startswith("-") or equals:
                raise _usage("migrate", f"unknown word {name!r}")
            case _:
                options.names.append(name)
    options.action = actions[0] if actions else "apply"
    _check_together(options, actions, said)
    return options


def _check_together(options: Options, actions: Sequence[str], said: Sequence[str]) -> None:
    aside = [word for word in said if word not in ("--force", "--yes-lose-data")]
    if len(actions) > 1 or (actions and aside):
        first = {"down": "--down-to"}.get(actions[0], f"--{actions[0]}")
        other = aside[0] if aside else {"down": "--down-to"}.get(actions[1], f"--{actions[1]}")
        raise _usage("migrate", f"{first} and {other} exclude each other")
    if "--to" in said and "--at-least" in said:
        raise _usage("migrate", "--to and --at-least exclude each other")
    if "--check" in said and "--sql" in said:
        raise _usage("migrate", "--check and --sql exclude each other")
    if options.action == "resolve" and options.resolution not in RESOLUTIONS:
        wanted = f"{', '.join(map(repr, RESOLUTIONS[:-1]))} or {RESOLUTIONS[-1]!r}"
        found = f"found {options.resolution!r}" if options.resolution else "found nothing after the revision"
        raise _usage("migrate", f"--resolve {options.to}: expected {wanted}, {found}")
    if options.action == "down" and "--yes-lose-data" not in said:
        raise _usage(
            "migrate", "--down-to undoes revisions, and data with them; --yes-lose-data says that this is wanted"
        )
    if options.action == "unlock" and "--force" not in said:
        raise _usage("migrate", "--unlock ends another runner's session; --force says that this is wanted")
    if options.phase not in ("", "pre", "post"):
        raise _usage("migrate", f"--phase: expected 'pre' or 'post', found {options.phase!r}")
    for word, needed_by in (("--force", ("stamp", "unlock")), ("--yes-lose-data", ("down",))):
        if word in said and options.action not in needed_by:
            raise _usage("migrate", f"nothing here needs {word}")


def parse_migrations(args: Sequence[str]) -> Options:
    """Return what `migrations` was asked for, which changes nothing.

    Raises:
        Failure: an unknown word; exit code 2.
    """
    options = Options(is_dry_run=True)
    options.is_listing = True
    words = list(args)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word == "--json":
            options.as_json = True
        elif name == "--target" and (equals or words):
            options.tenant = _named("migrations", value if equals else words.pop(0))
        elif word.startswith("-"):
            raise _usage("migrations", f"unknown word {word!r}")
        else:
            options.names.append(word)
    return options


def duration_s(text: str) -> float:
    """Return the seconds that `10m`, `30s`, `500ms`, `1h` or `30` stand for.

    Raises:
        Failure: it is none of these; exit code 2.
    """
    for unit, seconds in _UNITS_S:
        number = text[: len(text) - len(unit)]
        if text.endswith(unit) and number.isascii() and number.replace(".", "", 1).isdigit():
            return float(number) * seconds
    raise _usage("migrate", f"--lock-wait: expected a duration such as 30s or 10m, found {text!r}")


def _named(command: str, text: str) -> str:
    if not text:
        raise _usage(command, "--target: expected the name of a tenant, found nothing")
    return text


def _place(name: str, text: str) -> str:
    """Return the revision that an action names; none of them counts from where the database is."""
    if name == "--down-to":
        wanted, is_known = "a revision or base", text not in ("", "head", "heads")
    else:
        wanted, is_known = "a revision or head", text not in ("", "base")
    if not is_known or text.startswith(("+", "-")):
        raise _usage("migrate", f"{name}: expected {wanted}, found {text!r}")
    return text


def _revision(name: str, text: str) -> str:
    if not text:
        raise _usage("migrate", f"{name}: expected a revision, found nothing")
    if text == "base" or text.startswith("-"):
        raise _usage("migrate", f"{name} {text}: this only goes forward; --down-to goes back")
    count = text[1:]
    if text.startswith("+") and not (count.isascii() and count.isdecimal() and len(count) < 10 and int(count)):
        raise _usage("migrate", f"{name} {text}: expected a number of revisions such as +2")
    if text.startswith("+") and name == "--at-least":
        raise _usage("migrate", f"{name} {text}: expected a revision")
    return text


def _usage(command: str, what: str) -> Failure:
    return Failure(f"cannot run {command}: {what}", USAGE, details=_FORMS[command])


_FORMS = {
    "migrate": (
        "usage: migrate [DATABASE ...] [--to REVISION] [--phase pre|post]",
        "               [--at-least REVISION] [--dry-run | --sql | --check]",
        "               [--target NAME] [--lock-wait DURATION] [--json]",
        "       migrate [DATABASE] --down-to REVISION --yes-lose-data",
        "       migrate [DATABASE] --resolve REVISION applied|undone|retry",
        "       migrate [DATABASE] --stamp REVISION [--force]",
        "       migrate [DATABASE] --unlock --force",
    ),
    "migrations": ("usage: migrations [DATABASE ...] [--target NAME] [--json]",),
}
