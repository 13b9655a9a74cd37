"""What the words after `bin/NAME migrate` and `bin/NAME migrations` ask for."""

from __future__ import annotations

from .failures import USAGE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_LOCK_WAIT_S = 600.0
_UNITS_S = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0))


class Options:
    """What `migrate` was asked for."""

    __slots__ = ("as_json", "dry_run", "lock_wait_s", "to")

    def __init__(
        self,
        *,
        to: str = "head",
        dry_run: bool = False,
        lock_wait_s: float = DEFAULT_LOCK_WAIT_S,
        as_json: bool = False,
    ) -> None:
        self.to = to  # "head", a revision or the beginning of one, or "+2"
        self.dry_run = dry_run
        self.lock_wait_s = lock_wait_s  # how long another runner is waited for
        self.as_json = as_json


def parse_migrate(args: Sequence[str]) -> Options:
    """Return what `migrate` was asked for.

    Raises:
        Failure: an unknown word, a missing or a bad value; exit code 2.
    """
    options = Options()
    words = list(args)
    while words:
        name, equals, value = words.pop(0).partition("=")
        if name in ("--to", "--lock-wait"):
            if not equals:
                if not words:
                    raise _usage("migrate", f"{name} needs a value")
                value = words.pop(0)
            if name == "--to":
                options.to = _revision(value)
            else:
                options.lock_wait_s = duration_s(value)
        elif name == "--dry-run" and not equals:
            options.dry_run = True
        elif name == "--json" and not equals:
            options.as_json = True
        else:
            raise _usage("migrate", f"unknown word {name!r}")
    return options


def parse_migrations(args: Sequence[str]) -> bool:
    """Return whether `migrations` was asked for JSON.

    Raises:
        Failure: an unknown word; exit code 2.
    """
    for word in args:
        if word != "--json":
            raise _usage("migrations", f"unknown word {word!r}")
    return bool(args)


def duration_s(text: str) -> float:
    """Return the seconds that `10m`, `30s`, `500ms`, `1h` or `30` stand for.

    Raises:
        Failure: it is none of these; exit code 2.
    """
    for unit, seconds in _UNITS_S:
        number = text[: len(text) - len(unit)]
        if text.endswith(unit) and number.replace(".", "", 1).isdigit():
            return float(number) * seconds
    raise _usage("migrate", f"--lock-wait: expected a duration such as 30s or 10m, found {text!r}")


def _revision(text: str) -> str:
    if not text:
        raise _usage("migrate", "--to: expected a revision, found nothing")
    if text == "base" or text.startswith("-"):
        raise _usage("migrate", f"--to {text}: this command only goes forward")
    return text


def _usage(command: str, what: str) -> Failure:
    usage = {
        "migrate": "migrate [--to REVISION] [--dry-run] [--lock-wait DURATION] [--json]",
        "migrations": "migrations [--json]",
    }
    return Failure(f"cannot run {command}: {what}", USAGE, hint=f"usage: {usage[command]}")
