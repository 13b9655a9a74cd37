"""Which values may the fields of a manifest have? Asked when it is read, so that nothing later meets another kind.

A manifest arrives in an archive: a text where a number belongs would be a traceback in the middle of an upgrade, and a
path in the place of a name would be a folder outside of the root.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Kind = tuple[str, Callable[[object], bool]]

_LONGEST_S = 366 * 24 * 3600.0
"""A year, as the longest duration of a configuration."""
_LARGEST = 1 << 50


def wrong_field(record: str, fields: object) -> str:
    """Return what is wrong with the fields of a record of that class, `timeout_s is no text`, or nothing."""
    if type(fields) is not dict:
        return "is no object"
    kinds = KINDS[record]
    for name, value in fields.items():
        kind = kinds.get(name)
        if kind is None:
            return f"{name} is not known"
        if not kind[1](value):
            return f"{name} is {kind[0]}"
    return ""


def _is_text(value: object) -> bool:
    """Tell whether a value is text that the system takes: no NUL, and no half of a pair that UTF-8 has no bytes for."""
    if type(value) is not str or "\0" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_part(value: object) -> bool:
    return _is_text(value) and "/" not in str(value) and value not in ("", ".", "..")


def _is_tree(value: object) -> bool:
    return value in ("", "app") or (_is_text(value) and str(value).startswith("/"))


def _is_inner(value: object) -> bool:
    """Tell whether a value is a path that stays below the folder that it starts at."""
    return _is_text(value) and not str(value).startswith("/") and ".." not in str(value).split("/")


def _is_seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= _LONGEST_S  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _is_texts(value: object) -> bool:
    return type(value) is list and all(map(_is_text, value))


def _is_text_by_name(value: object) -> bool:
    return type(value) is dict and all(map(_is_text, value)) and all(map(_is_text, value.values()))


def _is_flag_by_name(value: object) -> bool:
    return type(value) is dict and all(map(_is_text, value)) and all(type(flag) is bool for flag in value.values())


def _one_of(*words: object) -> Kind:
    wanted = f"none of {', '.join(str(word) for word in words if word != '')}"
    return wanted, lambda value: type(value) is type(words[0]) and value in words


_TEXT: Kind = ("no text", _is_text)
_PART: Kind = ("no name of a file", _is_part)
_PART_OR_NONE: Kind = ("no name of a file", lambda value: value == "" or _is_part(value))
_FLAG: Kind = ("neither true nor false", lambda value: type(value) is bool)
_SECONDS: Kind = ("no number of seconds", _is_seconds)
_COUNT: Kind = ("no whole number that can be counted to", _is_count)
_TEXTS: Kind = ("no list of texts", _is_texts)
_INNER_PATHS: Kind = ("no list of inner paths", lambda value: type(value) is list and all(map(_is_inner, value)))
_TREE: Kind = ("no folder of a tree", _is_tree)
_TEXT_BY_NAME: Kind = ("no object of texts", _is_text_by_name)
_FLAG_BY_NAME: Kind = ("no object of flags", _is_flag_by_name)
_OBJECT: Kind = ("no object", lambda value: type(value) is dict)
_OBJECT_OR_NONE: Kind = ("no object", lambda value: value is None or type(value) is dict)
_LIST: Kind = ("no list", lambda value: type(value) is list)

KINDS: dict[str, dict[str, Kind]] = {
    "Python": dict.fromkeys(("version", "full_version", "glibc", "implementation", "platform"), _TEXT)
    | {"bundled": _PART_OR_NONE},
    "Bundle": {"file": _PART, "id": _PART_OR_NONE, "pth": _TEXTS, "source_paths": _TEXTS}
    | {"shared": _INNER_PATHS, "tree": _TREE, "tree_paths": _INNER_PATHS},
    "Entry": {"args": _TEXTS, "argv0": _TEXT, "kind": _one_of("callable", "module", "script", "file"), "target": _TEXT},
    "Hook": dict.fromkeys(("call", "name", "path", "summary"), _TEXT)
    | {"event": _TEXT, "on_failure": _one_of("abort", "stop", "warn"), "timeout_s": _SECONDS},
    "Command": dict.fromkeys(("name", "path", "summary"), _TEXT),
    "Socket": dict.fromkeys(("address", "name"), _TEXT),
    "Readiness": {
        "interval_s": _SECONDS,
        "kind": _one_of("started", "notify", "http", "tcp", "call"),
        "target": _TEXT,
        "timeout_s": _SECONDS,
    },
    "Heart": {"is_on": _FLAG, "restarts": _COUNT}
    | dict.fromkeys(("backoff_max_s", "backoff_s", "reset_after_s"), _SECONDS),
    "Liveness": {
        "failures": _COUNT,
        "interval_s": _SECONDS,
        "kind": _one_of("", "http", "tcp", "call", "heartbeat"),
        "target": _TEXT,
    },
    "Log": dict.fromkeys(("count", "size_bytes"), _COUNT),
    "Process": dict.fromkeys(("entry", "heart", "liveness", "readiness"), _OBJECT)
    | {"name": _PART, "replicas": _COUNT, "sockets": _TEXTS},
    "Migrations": dict.fromkeys(
        (
            "after_migrate",
            "backup",
            "config",
            "journal",
            "lock",
            "name",
            "on_failure",
            "released",
            "scripts",
            "targets",
            "url",
            "version_table",
            "version_table_schema",
        ),
        _TEXT,
    )
    | dict.fromkeys(("lock_timeout_s", "statement_timeout_s", "targets_timeout_s"), _SECONDS)
    | dict.fromkeys(("retries", "targets_at_once"), _COUNT)
    | dict.fromkeys(("heads", "line"), _TEXTS)
    | dict.fromkeys(("check", "command"), _OBJECT_OR_NONE)
    | {
        "compatible": _FLAG_BY_NAME,
        "files": _TEXT_BY_NAME,
        "run": _one_of("pre_start", "post_start", "check", "manual"),
        "url_is_used": _FLAG,
    },
    "Manifest": dict.fromkeys(("bundle", "entry", "heart", "liveness", "log", "python", "readiness"), _OBJECT)
    | dict.fromkeys(("commands", "hooks", "migrations", "processes", "sockets"), _LIST)
    | dict.fromkeys(("config_providers", "python_args", "required_env"), _TEXTS)
    | dict.fromkeys(("env", "inputs", "links"), _TEXT_BY_NAME)
    | dict.fromkeys(("drain_s", "stop_timeout_s"), _SECONDS)
    | dict.fromkeys(("name", "version"), _PART)
    | dict.fromkeys(("env_file", "environment", "working_directory"), _TEXT)
    | {"python_optimize": _one_of(0, 1, 2)},
}
