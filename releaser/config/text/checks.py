"""Is this text what the setting needs? One small check per sort of text; each says what is wrong in words."""

from __future__ import annotations

import keyword
import posixpath
import re

from releaser.config.document import quoted
from releaser.config.text.nearest import nearest
from releaser.config.text.substitution import Wrong, expand

OWN_VARIABLES = (
    "RELEASE_ROOT",
    "RELEASE_NAME",
    "RELEASE_VERSION",
    "RELEASE_ENVIRONMENT",
    "RELEASE_COMMAND",
    "RELEASE_EVENT",
    "RELEASE_PROG",
    "RELEASE_VAR",
    "RELEASE_PYTHON",
    "RELEASE_PID",
    "RELEASE_INSTANCE",
    "RELEASE_OLD_VERSION",
    "RELEASE_NEW_VERSION",
    "RELEASE_DATABASE",
    "RELEASE_TARGET",
    "RELEASE_PENDING",
    "RELEASE_EXIT_CODE",
)
"""What the release itself sets in every process; a default for one of them would never be read."""

PYTHON_VARIABLES = {
    "PYTHONCASEOK": "",
    "PYTHONCOERCECLOCALE": "the app always runs with UTF-8",
    "PYTHONDEBUG": "python_args takes '-d'",
    "PYTHONDONTWRITEBYTECODE": "a release never writes byte code, dev_mode apart",
    "PYTHONEXECUTABLE": "",
    "PYTHONHOME": "the interpreter is the release's: 'include_python' says which",
    "PYTHONINSPECT": "`bin/NAME console` and `remote_console` are interactive",
    "PYTHONIOENCODING": "the app always runs with UTF-8",
    "PYTHONNOUSERSITE": "a release never reads the user's site-packages",
    "PYTHONOPTIMIZE": "'python_optimize' says that, and compiles the byte code to match",
    "PYTHONPATH": "what the app imports is in the bundle",
    "PYTHONPLATLIBDIR": "",
    "PYTHONPYCACHEPREFIX": "a release never writes byte code, dev_mode apart",
    "PYTHONSAFEPATH": "a release always runs so",
    "PYTHONSTARTUP": "",
    "PYTHONUSERBASE": "a release never reads the user's site-packages",
    "PYTHONUTF8": "the app always runs with UTF-8",
    "PYTHONVERBOSE": "python_args takes '-v'",
}
"""Variables of Python's own that a release does not read, with what takes their place; all others have their effect."""

BUILT_IN_COMMANDS = (
    "foreground",
    "start",
    "stop",
    "restart",
    "ping",
    "pid",
    "status",
    "rpc",
    "reload_config",
    "eval",
    "console",
    "remote_console",
    "migrate",
    "migrations",
    "upgrade",
    "rollback",
    "unpack",
    "versions",
    "remove",
    "describe",
    "generate",
    "version",
    "logs",
    "verify",
    "help",
)

STANDARD_VARS = ("release_name", "release_version", "release_environment", "python_version")
"""What every template can use; a variable of the author's cannot take one of these names."""

MAIN_PROCESS = "main"
"""The process that a release's own `entry_point` or `command` describes; no other can take its name."""

_OLD_PLATFORMS = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}

NAME_PATTERN = "^[a-z][a-z0-9_-]{0,63}$"
VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"
GLIBC_PATTERN = "^[0-9]+[.][0-9]+$"
MAX_VERSION_LENGTH = 64
MAX_PATH_BYTES = 2800
"""PATH_MAX is 4096, and the folder it starts at has a path of its own; in an archive of a release 3000 are allowed."""
MAX_NAME_BYTES = 255
"""Of one name in a path: the limit of every file system in use (NAME_MAX, pathconf(3))."""
VERSION_PATTERN = "^(project|git|[0-9][0-9A-Za-z]*([.+_-]+[0-9A-Za-z]+)*)$"


def any_text(text: str) -> None:
    """Check nothing: what the text means is looked at elsewhere."""


def name(text: str) -> None:
    """Check a name that becomes part of file names and of a command line: of a release, a socket, a command."""
    if re.fullmatch(NAME_PATTERN, text):
        return
    if not text:
        raise Wrong("expected a name, found empty text")
    if len(text) > 64:
        raise Wrong(f"a name has at most 64 characters, this one has {len(text)}")
    suggestion = re.sub(r"[^a-z0-9_-]+", "_", text.lower()).lstrip("0123456789_-").rstrip("_-")
    hint = f"'{suggestion}' would do" if suggestion else ""
    for character in text:
        if not re.fullmatch("[a-z0-9_-]", character):
            raise Wrong(f"a name holds a to z, 0 to 9, '_' and '-', and no {_named(character)}", hint)
    raise Wrong("a name starts with a letter from a to z", hint)


def command_name(text: str) -> None:
    """Check the name of a custom command."""
    if text in BUILT_IN_COMMANDS:
        raise Wrong(f"'{text}' is a command that every release has", "choose another name for yours")
    name(text)


def variable_name(text: str) -> None:
    """Check the name of an environment variable."""
    if not re.fullmatch(VARIABLE_PATTERN, text):
        hint = "only the name stands here, its value comes from the host" if "=" in text else ""
        if text.startswith("$"):
            hint = "write the name without '$'"
        elif re.fullmatch(VARIABLE_PATTERN, similar := re.sub("[-. ]", "_", text)):
            hint = f"'{similar}' would do"
        raise Wrong(
            f"expected the name of an environment variable, found {quoted(text) if text else 'empty text'}", hint
        )


def settable_variable(text: str) -> None:
    """Check the name of an environment variable that gets a default."""
    variable_name(text)
    if text in OWN_VARIABLES:
        raise Wrong(f"{text} is set by the release itself", "a default for it would never be read")
    if text in PYTHON_VARIABLES:
        raise Wrong(f"{text} is not read by the app of a release", PYTHON_VARIABLES[text])


def argument(text: str) -> None:
    """Check one word of a command, or a value of the environment: `${NAME}` in it is replaced at start."""
    if "\0" in text:
        raise Wrong("no program can be given text with a zero byte in it")
    expand(text)


def plain_argument(text: str) -> None:
    """Check one word of a command that runs when the release is built: nothing in it is replaced."""
    if "\0" in text:
        raise Wrong("no program can be given text with a zero byte in it")


def entry_point(text: str) -> None:
    """Check `module:callable`, each side dotted names."""
    module, colon, attribute = text.partition(":")
    if _is_dotted_name(module) and _is_dotted_name(attribute):
        _check_length(f"{module.replace('.', '/')}.py")
        return
    raise Wrong(hint=_entry_point_hint(text, module, colon, attribute))


def version(text: str) -> None:
    """Check a version: one of the two words, or a literal that can be part of file names."""
    if not re.fullmatch(VERSION_PATTERN, text) or len(text) > MAX_VERSION_LENGTH:
        bare = text[1:] if re.match(r"v\d", text) else ""
        if bare and re.fullmatch(VERSION_PATTERN, bare):
            raise Wrong(hint=f"write '{bare}'")
        word = nearest(text, ("project", "git"))
        raise Wrong(hint=f"did you mean '{word}'?" if word else "")


def glibc_version(text: str) -> None:
    """Check a version of the GNU C library: two numbers."""
    if not re.fullmatch(GLIBC_PATTERN, text):
        raise Wrong(hint="'getconf GNU_LIBC_VERSION' prints that of a host")


def any_path(text: str) -> None:
    """Check a path of this machine."""
    if not text:
        raise Wrong("expected a path, found empty text")
    if any(not character.isprintable() for character in text):
        raise Wrong(f"a path with a control character: {quoted(text)}")
    if text.startswith("~"):
        raise Wrong(f"'~' is not replaced in {quoted(text)}", "write the whole path")
    if "$" in text:
        raise Wrong(f"variables are not replaced in paths: {quoted(text)}")
    _check_length(text)


def wheel_folder(text: str) -> None:
    """Check a folder of this machine that wheels are taken from, which is no index."""
    if "://" in text:
        raise Wrong(
            f"expected a folder, found {quoted(text)}", "a path, no address; an index is set where uv or pip has it"
        )
    any_path(text)


def extra(text: str) -> None:
    """Check the name of an extra or of a dependency group (PEP 685, PEP 735).

    Raises:
        Wrong: it is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
        raise Wrong(f"expected one name of letters, digits and '._-', found {quoted(text) if text else 'empty text'}")


def env_file(text: str) -> None:
    """Check the path of a file of the host: below the release's root or absolute, `-` in front if it may be missing."""
    path = text.removeprefix("-")
    if not path:
        raise Wrong(f"expected a path, found {quoted(text) if text else 'empty text'}")
    if any(not character.isprintable() for character in path):
        raise Wrong(f"a path with a control character: {quoted(text)}")
    if path.startswith("~"):
        raise Wrong(f"'~' is not replaced in {quoted(text)}", "write the whole path")
    argument(path)
    if "$" not in path:
        _check_length(path)


def inner_path(text: str) -> None:
    """Check a path that starts at the folder holding `rel/` and stays below it."""
    any_path(text)
    if text.startswith("/"):
        raise Wrong(f"expected a relative path, found {quoted(text)}", "paths start at the folder that holds rel/")
    if posixpath.normpath(text).split("/")[0] == "..":
        raise Wrong(f"{quoted(text)} leads out of the folder that holds rel/")


def project_path(text: str) -> None:
    """Check a path that starts at the project's folder and stays below it."""
    any_path(text)
    if text.startswith("/"):
        raise Wrong(f"expected a relative path, found {quoted(text)}", "it starts at the project's folder")
    if posixpath.normpath(text).split("/")[0] == "..":
        raise Wrong(f"{quoted(text)} leads out of the project's folder")


def script_location(text: str) -> None:
    """Check alembic's `script_location`: a folder of the project, or `package:folder`."""
    package, colon, folder = text.partition(":")
    if colon and not _is_dotted_name(package):
        raise Wrong(f"expected 'package:folder', found {quoted(text)}")
    project_path(folder if colon else text)
    _check_length(f"{package.replace('.', '/')}/{folder}")


def lint_rule(text: str) -> None:
    """Check a rule of the lint: a number of ours, or a name of squawk's."""
    if not re.fullmatch(r"M[0-9]{3}|[a-z]+(-[a-z]+)+", text):
        raise Wrong(f"expected a rule such as 'M101' or 'ban-drop-column', found {quoted(text)}")


def _check_length(path: str) -> None:
    """Refuse a path that no file can have: each look at it would fail."""
    size = len(path.encode())
    if size > MAX_PATH_BYTES:
        raise Wrong(f"a path has at most {MAX_PATH_BYTES} bytes, this one has {size}")
    longest = max(len(part.encode()) for part in path.split("/"))
    if longest > MAX_NAME_BYTES:
        raise Wrong(f"a file's name has at most {MAX_NAME_BYTES} bytes, this path has one of {longest}")


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in text.split("."))


def _entry_point_hint(text: str, module: str, colon: str, attribute: str) -> str:
    if "/" in module or module.endswith(".py"):
        dotted = module.removesuffix(".py").strip("./").replace("/", ".")
        candidate = f"{dotted}:{attribute or 'main'}"
    elif not colon and "." in text:
        candidate = ":".join(text.rsplit(".", 1))
    elif not colon:
        candidate = f"{text}:main"
    else:
        candidate = f"{module}:{attribute.removesuffix('()')}"
    front, _, back = candidate.partition(":")
    return (
        f"did you mean '{candidate}'?" if candidate != text and _is_dotted_name(front) and _is_dotted_name(back) else ""
    )


def _named(character: str) -> str:
    if character == " ":
        return "space"
    if "A" <= character <= "Z":
        return f"capital letter ('{character}')"
    return quoted(character)


def platform_tag(text: str) -> None:
    """Check the tag of a Linux platform (PEP 600, PEP 656).

    Raises:
        Wrong: it is none.
    """
    if not re.fullmatch(r"(manylinux|musllinux)_[0-9]+_[0-9]+_[a-z0-9_]+", text):
        hint = "manylinux_2_28_aarch64 is for glibc 2.28 and newer, musllinux_1_2_x86_64 for musl"
        family, _, machine = text.partition("_")
        if family in _OLD_PLATFORMS:
            hint = f"its name since PEP 600 is {_OLD_PLATFORMS[family]}_{machine}"
        raise Wrong(f"expected a platform, found {quoted(text)}", hint)


def python_version(text: str) -> None:
    """Check a version of Python that releases run on.

    Raises:
        Wrong: it is none.
    """
    if not re.fullmatch(r"3\.1[1-5]", text):
        raise Wrong(f"expected a version of Python, found {quoted(text)}", "releases run on 3.11 to 3.15")
