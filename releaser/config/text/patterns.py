"""What does an editor see of each check of a text? JSON schema that refuses no text which the check accepts.

Only what every engine of regular expressions reads alike stands here: no look-around, no named classes. What a pattern
cannot say, that a path leads out of its folder by way of another for one, is left to the check.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from releaser.config.text.checks import (
    BUILT_IN_COMMANDS,
    GLIBC_PATTERN,
    MAIN_PROCESS,
    MAX_VERSION_LENGTH,
    NAME_PATTERN,
    OWN_VARIABLES,
    PYTHON_VARIABLES,
    STANDARD_VARS,
    VARIABLE_PATTERN,
    VERSION_PATTERN,
)

_CONTROL = r"\x00-\x1f\x7f"
_VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"
_ARGUMENT = rf"^([^$]|\$\$|{_VARIABLE})*$"
_IDENTIFIER = r"[^\s0-9./:()-][^\s./:()-]*"
_DOTTED = rf"{_IDENTIFIER}(\.{_IDENTIFIER})*"
_KEYWORD = rf"(^|[.:])({'|'.join(keyword.kwlist)})([.:]|$)"
_PATH = rf"[^~${_CONTROL}][^${_CONTROL}]*"
_RELATIVE = rf"[^/~${_CONTROL}][^${_CONTROL}]*"
_LEADS_OUT = r"^(\.?/+)*\.\.(/|$)"
_HAS_DOTS = r"(^|/)\.\.(/|$)"
_ONLY_DOTS = r"^\.(/+\.?)*$"
_UP_TO_65535 = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_HOST = r"([A-Za-z0-9_.-]+|\[[^\]\s]+\])"
_NO_ZERO_BYTE = {"not": {"pattern": r"\x00"}}
_FUNCTION = {"pattern": f"^{_DOTTED}:{_DOTTED}$", "not": {"pattern": _KEYWORD}}


def _inside(front: str = "") -> dict[str, Any]:
    return {"pattern": f"^{front}{_RELATIVE}$", "not": {"pattern": _LEADS_OUT}}


def _address(known: str) -> dict[str, Any]:
    """Return the schema of an address: what is `known` to fit, or anything with a variable in it."""
    return {"pattern": _ARGUMENT, "anyOf": [{"pattern": known}, {"pattern": r"\$"}]}


def _not_one_of(pattern: str, taken: tuple[str, ...]) -> dict[str, Any]:
    return {"pattern": pattern, "not": {"enum": list(taken)}}


SEEN: Mapping[str, Mapping[str, Any]] = {
    "any_path": {"pattern": f"^{_PATH}$"},
    "any_text": {},
    "argument": {"pattern": _ARGUMENT, **_NO_ZERO_BYTE},
    "bundle_path": {"pattern": f"^{_RELATIVE}$", "not": {"pattern": _HAS_DOTS}},
    "command_name": _not_one_of(NAME_PATTERN, BUILT_IN_COMMANDS),
    "entry_point": _FUNCTION,
    "env_file": {"pattern": rf"^-?([^~$]|\$\$|{_VARIABLE})", "not": {"enum": ["-"]}, "allOf": [{"pattern": _ARGUMENT}]},
    "extra": {"pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"},
    "glibc_version": {"pattern": GLIBC_PATTERN},
    "http_url": {"pattern": _ARGUMENT, "anyOf": [{"pattern": r"^http://[^\s]"}, {"pattern": r"^[^:$]*\$"}]},
    "inner_path": _inside(),
    "link_target": {"pattern": f"^{_PATH}$", "not": {"pattern": _HAS_DOTS}},
    "lint_rule": {"pattern": "^(M[0-9]{3}|[a-z]+(-[a-z]+)+)$"},
    "made_path": {"pattern": f"^{_RELATIVE}$", "not": {"anyOf": [{"pattern": _HAS_DOTS}, {"pattern": _ONLY_DOTS}]}},
    "name": {"pattern": NAME_PATTERN},
    "plain_argument": _NO_ZERO_BYTE,
    "platform_tag": {"pattern": "^(manylinux|musllinux)_[0-9]+_[0-9]+_[a-z0-9_]+$"},
    "plugin": {
        "pattern": rf"^([A-Za-z0-9_][A-Za-z0-9_.-]*|{_RELATIVE}\.py|\.py)$",
        "not": {"pattern": _LEADS_OUT},
    },
    "process_name": _not_one_of(NAME_PATTERN, (MAIN_PROCESS,)),
    "project_path": _inside(),
    "python_version": {"pattern": r"^3\.1[1-5]$"},
    "release_path": {"pattern": f"^{_RELATIVE}$", "not": {"pattern": _HAS_DOTS}},
    "script_location": {
        "pattern": rf"^([^/~$:{_CONTROL}][^$:{_CONTROL}]*|{_DOTTED}:{_RELATIVE})$",
        "not": {"pattern": r"(^|:)(\.?/+)*\.\.(/|$)"},
    },
    "settable_variable": _not_one_of(VARIABLE_PATTERN, (*OWN_VARIABLES, *PYTHON_VARIABLES)),
    "socket_address": _address(rf"^(unix:/|{_HOST}:0*({_UP_TO_65535})?$)"),
    "tcp_address": _address(f"^{_HOST}:0*({_UP_TO_65535})$"),
    "step_line": {"pattern": r"\S", **_NO_ZERO_BYTE},
    "tree_path": {"pattern": f"^{_RELATIVE}$", "not": {"pattern": r"(^|/)\.{0,2}/|(^|/)\.{1,2}$"}},
    "tree_pattern": {"pattern": f"^{_PATH}$", "not": {"pattern": _HAS_DOTS}},
    "variable": _not_one_of(VARIABLE_PATTERN, STANDARD_VARS),
    "variable_name": {"pattern": VARIABLE_PATTERN},
    "version": {"pattern": VERSION_PATTERN, "maxLength": MAX_VERSION_LENGTH},
    "working_folder": {"pattern": _ARGUMENT, "minLength": 1, **_NO_ZERO_BYTE},
    "wheel_folder": {"pattern": f"^{_PATH}$", "not": {"pattern": "://"}},
}
"""By the name of the check."""
