"""Which variables of Python's own does the app read? Those that tune it; never those that say what it imports.

The app and the programs that it starts read the same ones (python(1), "ENVIRONMENT VARIABLES"): what is dropped here is
what would bring in another interpreter's library or a shell's habits, and what a release decides by itself.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED = (
    "PYTHONCASEOK",
    "PYTHONCOERCECLOCALE",
    "PYTHONDEBUG",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONIOENCODING",
    "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONUTF8",
    "PYTHONVERBOSE",
)
"""Refused in `env` of rel/config.toml by the same list there; the host's are left out without a word."""
UNBUFFERED = "PYTHONUNBUFFERED"


def for_app(environ: Mapping[str, str], *, may_write_byte_code: bool) -> dict[str, str]:
    """Return `environ` as the app gets it: UTF-8 and output at once for its children as well, as its own flags say.

    An empty PYTHONUNBUFFERED turns the latter off.
    """
    ours = {"PYTHONUTF8": "1", UNBUFFERED: environ.get(UNBUFFERED, "1")}
    if not may_write_byte_code:
        ours["PYTHONDONTWRITEBYTECODE"] = "1"
    return {**{name: value for name, value in environ.items() if name not in DROPPED}, **ours}
