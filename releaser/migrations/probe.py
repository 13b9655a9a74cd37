"""What do the revision files hold? Runs by path in the release's interpreter: `python -I -S -B probe.py < request`.

Standard library only, nothing of releaser: the interpreter may be an older one, and its packages are the app's. The
request and the answer are JSON; whatever a revision prints when it is imported goes to standard error.

Once alembic is imported, which takes longer than all the rest, a child goes on from there and records what the
revisions would do, as `recorder.py` says, while this process looks at what they are.
"""

from __future__ import annotations

import ast
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import signal
import site
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RELEASE = ("phase", "compatible", "lint_ok")
_MAKES_DOUBT = (
    *("create_engine", "create_async_engine", "create_pool", "set_main_option", "set_section_option"),
    *("get_x_argument", "execute", "exec_driver_sql", "execution_options", "listens_for", "listen"),
)
_PR_SET_PDEATHSIG = 1  # prctl(2)
_REVISION_FILE = re.compile(r"(?!\.#|__init__)(.*\.py)$")


def main() -> None:
    """Read the request, look, write the answer."""
    request = json.load(sys.stdin)
    answer_to = os.dup(1)
    os.dup2(2, 1)
    sys.path[:] = [*request["source_paths"], *(path for path in sys.path if path != str(Path(__file__).parent))]
    site.addsitedir(request["site_packages"])
    guard = loaded("guard.py").Guard(
        request["site_packages"], tuple(request["own_modules"]), "when a revision is imported"
    )
    answer = look(Path(request["scripts"]), request["config"], request["dialect"], guard)
    with os.fdopen(answer_to, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def loaded(name: str) -> Any:
    """Return the module beside this file; there is no package around it here."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), Path(__file__).with_name(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def look(scripts: Path, config: str, dialect: str, guard: Any) -> dict[str, Any]:
    """Return everything that is found in the folder, and what is wrong apart from the graph itself."""
    problems = environment_problems(scripts)
    try:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError as error:
        what = f"alembic cannot be imported from the bundle: {error}"
        problems.append({"where": "", "what": what, "hint": "add alembic to the project's dependencies and its lock"})
        return {"problems": problems, "files": [], "version_table": "", "is_readable": False}
    guard.close()
    try:
        directory = ScriptDirectory.from_config(configured(Config, scripts, config))
        folders = [Path(folder) for folder in as_tuple(directory.version_locations)]
    except Exception as error:
        problems.append({"where": config or str(scripts), "what": f"alembic cannot use it: {error}"})
        return {"problems": problems, "files": [], "version_table": "", "is_readable": False}
    default = scripts / "versions"
    problems += [
        {
            "where": config,
            "what": f"version_locations names {folder}; a release carries the folder versions of script_location",
        }
        for folder in folders
        if folder.resolve() != default.resolve()
    ]
    recursive = bool(getattr(directory, "recursive_version_locations", False))
    paths = revision_files(default, recursive)
    recorded = begin_recording(paths, dialect, guard)
    files = [look_at(path, guard) for path in paths]
    return {
        "problems": problems,
        "files": files,
        "version_table": setting_of(scripts, "version_table") or "alembic_version",
        "version_table_schema": setting_of(scripts, "version_table_schema"),
        "url_is_used": is_url_used(scripts),
        "is_readable": True,
        "recorded": recorded(),
    }


def begin_recording(paths: list[Path], dialect: str, guard: Any) -> Callable[[], Any]:
    """Begin to record in a child; return what waits for it and gives its answer, None if a revision has ended it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # this process is killed when it takes too long
            os.close(reading)
            silent = os.open(os.devnull, os.O_WRONLY)  # what is printed at import, this process prints as well
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            answer = loaded("recorder.py").recorded(paths, dialect, guard)
            with os.fdopen(writing, "w", encoding="utf-8") as file:
                json.dump(answer, file)
        finally:
            os._exit(0)
    os.close(writing)

    def recorded() -> Any:
        with os.fdopen(reading, encoding="utf-8") as file:
            text = file.read()
        os.waitpid(child, 0)
        try:
            return json.loads(text)
        except ValueError:
            return None

    return recorded


def configured(config_type: Any, scripts: Path, path: str) -> Any:
    """Return alembic's configuration with the script folder put in; an ini and a toml file may lie side by side."""
    names = (Path(path).name, "alembic.ini", "pyproject.toml") if path else ()
    near = [file for file in (Path(path).with_name(name) for name in names) if file.is_file()]
    ini = [str(file) for file in near if file.suffix != ".toml"]
    toml = [str(file) for file in near if file.suffix == ".toml"]
    try:
        config = config_type(ini[0] if ini else None, toml_file=toml[0] if toml else None)
    except TypeError:
        config = config_type(ini[0] if ini else None)
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    # True in the source tree only: in a release, sys.path is the bundle's.
    config.set_main_option("prepend_sys_path", "")
    section = getattr(config, "toml_alembic_config", {})
    config.__dict__["toml_alembic_config"] = {key: section[key] for key in section if key != "prepend_sys_path"}
    return config


def revision_files(folder: Path, recursive: bool) -> list[Path]:
    """Return the files that alembic would take for revisions, in a fixed order."""
    found = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if recursive and name != "__pycache__")
        found += [Path(where, name) for name in sorted(names) if _REVISION_FILE.match(name)]
    return found


def look_at(path: Path, guard: Any) -> dict[str, Any]:
    """Import one file and return what it says of itself."""
    found: dict[str, Any] = {
        "path": str(path),
        "revision": "",
        "down": [],
        "depends_on": [],
        "labels": [],
        "has_upgrade": False,
        "complaints": [],
        "title": "",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "error": "",
        "line": 0,
    }
    guard.seen.clear()
    try:
        spec = importlib.util.spec_from_file_location(re.sub(r"\W", "_", path.name), path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except SyntaxError as error:
        return {**found, "error": f"syntax error: {error.msg}", "line": error.lineno or 0}
    except (Exception, SystemExit) as error:
        if not guard.seen:
            return {**found, "error": f"{type(error).__name__}: {error}", "line": line_in(str(path), error)}
    if guard.seen:  # an `except` of the author's does not make it right
        sentence, places = guard.seen[0]
        here = [line for place, line in places if place == str(path)]
        elsewhere = "" if places[0][0] == str(path) else f", asked for by {places[0][0]}:{places[0][1]}"
        return {**found, "error": f"{sentence}{elsewhere}", "line": here[0] if here else 0}
    return {
        **found,
        "revision": str(getattr(module, "revision", "") or ""),
        "title": ((module.__doc__ or "").strip().splitlines() or [""])[0],
        "down": as_tuple(getattr(module, "down_revision", None)),
        "depends_on": as_tuple(getattr(module, "depends_on", None)),
        "labels": as_tuple(getattr(module, "branch_labels", None)),
        "has_upgrade": callable(getattr(module, "upgrade", None)),
        "complaints": complaints_about(getattr(module, "release", None)),
    }


def complaints_about(said: Any) -> list[str]:
    """Return what is wrong with the `release = {...}` of a revision; anything but a dict is the author's own."""
    if not isinstance(said, dict):
        return []
    found = [
        f"release has the unknown key {key!r}; known are {', '.join(_RELEASE)}"
        for key in sorted(set(said) - set(_RELEASE), key=str)
    ]
    if said.get("phase", "pre") not in ("pre", "post"):
        found.append(f"release['phase']: expected 'pre' or 'post', found {said['phase']!r}")
    if not isinstance(said.get("compatible", True), bool):
        found.append(f"release['compatible']: expected True or False, found {said['compatible']!r}")
    accepted = said.get("lint_ok", [])
    if not isinstance(accepted, list | tuple) or not all(isinstance(rule, str) for rule in accepted):
        found.append(f"release['lint_ok']: expected a list of rules such as ['M101'], found {accepted!r}")
    return found


def line_in(path: str, error: BaseException) -> int:
    """Return the last line of `path` that the error came through."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def environment_problems(scripts: Path) -> list[dict[str, str]]:
    """Return what is wrong with env.py; it cannot be run, because it would connect."""
    path = scripts / "env.py"
    tree = parsed(path)
    if tree is None:
        is_there = path.is_file()
        return [
            {
                "where": str(path),
                "what": "is not valid Python" if is_there else "alembic needs this file; it is missing",
            }
        ]
    imported = {name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in [node.module or ""]}
    imported |= {item.name for node in ast.walk(tree) if isinstance(node, ast.Import) for item in node.names}
    if any(name.startswith("sqlalchemy.ext.asyncio") for name in imported) and not is_bundled("greenlet"):
        hint = "depend on sqlalchemy[asyncio], and renew the lock"
        return [
            {
                "where": str(path),
                "what": "uses asyncio, for which SQLAlchemy needs greenlet; it is not in the bundle",
                "hint": hint,
            }
        ]
    return []


def is_bundled(module: str) -> bool:
    """Tell whether the bundle has a module, without importing it."""
    return importlib.util.find_spec(module) is not None


def setting_of(scripts: Path, name: str) -> str:
    """Return what env.py says to `context.configure` for a setting, if it says it in so many words."""
    tree = parsed(scripts / "env.py")
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.keyword) and node.arg == name and isinstance(node.value, ast.Constant):
            return str(node.value.value or "")
    return ""


def is_url_used(scripts: Path) -> bool:
    """Tell whether env.py connects to alembic's `sqlalchemy.url` and nothing else; false where its text is unusual.

    The stock environments but `multidb` are usual: one engine, made of the main section, as it is.
    """
    tree = parsed(scripts / "env.py")
    if tree is None:
        return False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    engines = [call for call in calls if called(call) in ("engine_from_config", "async_engine_from_config")]
    if len(engines) != 1 or any(called(call) in _MAKES_DOUBT for call in calls):
        return False
    if not {word.arg for word in engines[0].keywords} <= {"prefix", "poolclass", "future"}:
        return False
    if not any(isinstance(node, ast.Attribute) and node.attr == "config_ini_section" for node in ast.walk(engines[0])):
        return False
    words = [word for call in calls if called(call) == "configure" for word in call.keywords]
    names = {name for node in ast.walk(tree) for name in (getattr(node, "id", ""), getattr(node, "attr", ""))}
    return (
        not names & {"environ", "getenv"}
        and all(word.arg is not None for word in words)
        and all(isinstance(word.value, ast.Constant) for word in words if str(word.arg).startswith("version_table"))
    )


def called(call: ast.Call) -> str:
    """Return the last part of the name of what is called."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def parsed(path: Path) -> ast.Module | None:
    """Return the syntax tree of a file; None if it is missing or not Python."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def as_tuple(value: Any) -> tuple[str, ...]:
    """Return what alembic allows to be None, a string or several as a tuple."""
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


if __name__ == "__main__":
    main()
