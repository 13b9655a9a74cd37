"""What may be asked of a running release? Every verb of its two sockets, with the kinds and bounds of its words.

A request that this table does not accept is answered with what was expected and exit code 2; nothing else happens. A
verb's bound in bytes holds as soon as the verb itself has arrived, so half a request costs little.

Both sides import this where `ping` is answered: it imports nothing but frames.
"""

from __future__ import annotations

from . import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Kind = tuple[str, Callable[[str], bool]]
    """What a word is called in a message, and whether one is such."""

SMALL_BYTES = 4096
"""Of a request whose verb has no bound of its own, or is not known."""
LARGE_BYTES = 4 * 1024 * 1024
"""Room for an environment, which Linux limits to 2 MiB by default, or for the arguments of a call."""
MAX_WORDS = 65536
MAX_STOP_S = 31_536_000
"""A year: nobody who waits longer for an app to end means it."""
_VERB_WITHIN_BYTES = 32
"""In so many bytes of a request stands every verb."""
_LONGEST_SHOWN = 40


class Refused(Exception):
    """The request is none of the table; the text says what was expected."""


class Verb:
    """What follows a verb: so many words, each of its kind, then optional ones, then any number of one kind."""

    __slots__ = ("most_bytes", "optional", "rest", "words")

    def __init__(
        self,
        *words: Kind,
        optional: tuple[Kind, ...] = (),
        rest: Kind | None = None,
        most_bytes: int = SMALL_BYTES,
    ) -> None:
        self.words = words
        self.optional = optional
        self.rest = rest
        self.most_bytes = most_bytes

    def usage(self, verb: str) -> str:
        """Return what is to be written, for a message."""
        names = [what for what, _ in self.words] + [f"[{what}]" for what, _ in self.optional]
        return " ".join([verb, *names, *([f"[{self.rest[0]} ...]"] if self.rest else [])])

    def kind_of(self, number: int) -> Kind | None:
        """Return what word `number`, from 0, has to be; None: there may be none."""
        known = (*self.words, *self.optional)
        return known[number] if number < len(known) else self.rest


def _is_anything(word: str) -> bool:
    return True


def _is_seconds(word: str) -> bool:
    """Tell whether it is what `str(float)` gives, neither negative, nor endless, nor no number."""
    if len(word) > 32 or not word.isascii() or word.strip("0123456789.e+-"):
        return False
    try:
        return 0.0 <= float(word) <= MAX_STOP_S
    except ValueError:
        return False


def _is_name(word: str) -> bool:
    return 0 < len(word) <= 255 and word.isprintable() and "/" not in word


def _is_variable(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(name and equals)


def _is_target(word: str) -> bool:
    """Tell whether it is no longer than any, and was UTF-8: names in Python are."""
    return len(word) <= 1000 and not any("\ud800" <= letter <= "\udfff" for letter in word)


def _is_pid(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 10


def _one_of(*words: str) -> Kind:
    return "|".join(words), lambda word: word in words


ANYTHING: Kind = ("ARGUMENT", _is_anything)
JSON: Kind = ("JSON", lambda word: word != "")
NAME: Kind = ("NAME", _is_name)
PID: Kind = ("PID", _is_pid)
SECONDS: Kind = (f"SECONDS from 0 to {MAX_STOP_S}", _is_seconds)
TARGET: Kind = ("MODULE:FUNCTION", _is_target)
VARIABLE: Kind = ("NAME=VALUE", _is_variable)
FORMAT: Kind = _one_of("text", "json")

CONTROL: Mapping[str, Verb] = {
    "ping": Verb(),
    "alive": Verb(),
    "pid": Verb(),
    "status": Verb(optional=(_one_of("--json"),)),
    "stop": Verb(optional=(SECONDS,)),
    "environ": Verb(),
    "args": Verb(),
    "restart": Verb(NAME),
    "reloaded": Verb(VARIABLE, rest=VARIABLE, most_bytes=LARGE_BYTES),
    "upgrade": Verb(JSON, most_bytes=LARGE_BYTES),
}
"""What `run/control.sock` of the supervisor takes."""
AGENT: Mapping[str, Verb] = {
    "ping": Verb(),
    "rpc": Verb(FORMAT, TARGET, rest=ANYTHING, most_bytes=LARGE_BYTES),
    "rpc_at": Verb(NAME, FORMAT, TARGET, rest=ANYTHING, most_bytes=LARGE_BYTES),
    "ask": Verb(TARGET),
    "drain": Verb(PID, _one_of("replaced", "ending")),
    "reload": Verb(VARIABLE, rest=VARIABLE, most_bytes=LARGE_BYTES),
    "console": Verb(),
}
"""What `run/agent.sock` of each process of the app takes."""


def decoder(table: Mapping[str, Verb], kinds: bytes = frames.REQUEST) -> frames.Decoder:
    """Return what reads frames of `kinds`, among them requests of `table`, each within the bound of its verb."""
    return frames.Decoder(LARGE_BYTES, kinds=kinds, bound=lambda beginning: bound_bytes(table, beginning))


def bound_bytes(table: Mapping[str, Verb], beginning: bytes) -> int:
    """Return how large a request may be that begins so; the verb need not have arrived."""
    words = beginning[:_VERB_WITHIN_BYTES].split(b"\0", 2)
    if len(words) < 3:
        return LARGE_BYTES if len(beginning) < _VERB_WITHIN_BYTES else SMALL_BYTES
    verb = table.get(words[1].decode("ascii", "replace"))
    return SMALL_BYTES if verb is None else verb.most_bytes


def read(table: Mapping[str, Verb], body: bytes, who: str) -> list[str]:
    """Return the words of a request's body, the verb first; `who` answers on that socket.

    Raises:
        ProtocolError: another protocol number, or no verb.
        Refused: an unknown verb, or words that do not go with it.
    """
    if len(body) > bound_bytes(table, body[:_VERB_WITHIN_BYTES] + b"\0\0") or body.count(b"\0") > MAX_WORDS:
        raise Refused(f"a request of {len(body)} bytes and {body.count(bytes(1))} words is over the limit")
    verb, *words = frames.decode_request(body)
    known = table.get(verb)
    if known is None:
        raise Refused(f"{who} does not know the request '{shown(verb)}'")
    usage = known.usage(verb)
    if len(words) < len(known.words):
        raise Refused(f"expected `{usage}`, and there is nothing for {known.words[len(words)][0]}")
    for number, word in enumerate(words):
        kind = known.kind_of(number)
        if kind is None:
            raise Refused(f"expected `{usage}`, found '{shown(word)}' behind it")
        what, fits = kind
        if not fits(word):
            raise Refused(f"expected `{usage}`, found '{shown(word)}' for {what}")
    return [verb, *words]


def shown(word: str) -> str:
    """Return the beginning of a word as a message may repeat it: on one line, and in UTF-8."""
    return "".join(letter if letter.isprintable() else "?" for letter in word[:_LONGEST_SHOWN])


def refusal(error: Exception, now: str) -> bytes:
    """Return the frames that answer a request which was not understood; `now` says what is true."""
    text = str(error) if isinstance(error, Refused) else f"the request was not understood: {error}"
    return frames.reply(f"error: {text}\n  now: {now}\n", 2, frames.ERROR)
