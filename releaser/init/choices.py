"""What does the first configuration say? Values computed from what was found; nothing is read or written here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from releaser.config.text.checks import BUILT_IN_COMMANDS, NAME_PATTERN, entry_point
from releaser.config.text.substitution import Wrong
from releaser.errors import ProjectError
from releaser.init.appending import append_command
from releaser.init.findings import GUNICORN_CONF, Choice, Findings
from releaser.init.servers import PORT, address_of, server_for, with_socket
from releaser.init.tree import Step, is_beside_the_wheel

WRAPPERS = (
    ("exec",),
    ("uv", "run"),
    ("poetry", "run"),
    ("pdm", "run"),
    ("pipenv", "run"),
    ("tini", "--"),
    ("dumb-init",),
)
"""What stands before the program in a Procfile or Dockerfile, and has no place in a release."""
FIRST_VERSION = "0.1.0"
CONFIGURED = "rel/config.toml"
PROCFILE = "the Procfile"
DOCKERFILE = "the Dockerfile"
_PLACE = "${RELEASE_ROOT}/releases/${RELEASE_VERSION}/share/"
"""Where a file lies that a command names, which the app's folder is not."""
SERVERS = frozenset({"gunicorn", "uvicorn", "hypercorn", "granian", "daphne", "waitress", "uwsgi"})
SETTINGS = ("extras", "groups")
_OF_DEVELOPERS = ("dev", "develop", "test", "tests", "lint", "docs", "typing")
"""Groups that no release is made with: what only they have is not taken for what the author means to run."""
_PYTHON_FLAGS = ("-u", "-B", "-I", "-s", "-E", "-O", "-OO")
RELEASE = "release"
"""What a Procfile calls the task that is run before the processes."""
DJANGO = ("python", "-m", "django")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is written."""

    name: str
    version: str = "project"
    entry_point: str = ""
    command: tuple[str, ...] = ()
    reason: str
    """Where what runs was found."""
    readiness: str = "started"
    """`started` or `http`."""
    address: str = ""
    """What `http` connects to, `host:port`."""
    health: str = ""
    """The path that it asks: a health check, or the root of the app."""
    status: str = ""
    """Which answers count; empty: those from 200 to 299."""
    required_env: tuple[str, ...] = ()
    """Variables without a value in what runs."""
    suggested_env: tuple[str, ...] = ()
    """Variables that the sources cannot do without; only mentioned."""
    socket: str = ""
    """Address of a socket that the server inherits; empty: it opens its own."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Defaults of variables."""
    processes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Commands that run beside it, by name."""
    task: tuple[str, ...] = ()
    """A command of the bundle that is run to its end before each start."""
    script_location: str = ""
    """Empty: the release gets no migrations."""
    migrations_run: str = "post_start"
    lock: str = ""
    """The requirements file; empty: the one that a build takes by itself."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    """Files of the project that the commands name, and that go into the release."""
    layout: str = ""
    """`folder` where the wheel is not the app; empty: as a build takes it by itself."""
    reads: tuple[str, ...] = ()
    """What beside the package the code names; the tree goes along then."""
    shared: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    left_out: tuple[str, ...] = ()
    """Lines of the Procfile and Dockerfile that nothing was made of."""


def choose(found: Findings) -> Choices:
    """Return what is written for a project.

    Raises:
        ProjectError: there is nothing that a release could start.
    """
    found, chosen = with_a_server(found)
    for choices in _candidates(found):
        named = {setting: (chosen.name,) if chosen and chosen.setting == setting else () for setting in SETTINGS}
        all_of_it = _with_the_rest(choices, found)
        return replace(all_of_it, lock=found.chosen_file, extras=named["extras"], groups=named["groups"])
    if found.sources.web_apps:
        app = next((each for each in found.sources.web_apps if each.interface == "wsgi"), found.sources.web_apps[0])
        server, others = ("uvicorn", "hypercorn, granian") if app.interface == "asgi" else ("gunicorn", "waitress")
        raise ProjectError(
            f"{app.target} was found, and no server that could run it in a release",
            now="nothing was written",
            hint=f"{_added(server, found)}, then `releaser init` once more; {others} would do as well",
        )
    raise ProjectError(
        f"nothing was found that a release of {found.name} could start",
        now="nothing was written",
        hint="looked for: a Procfile, a Dockerfile's CMD, a web app and its server among the dependencies, "
        "a celery app, [project.scripts], a function main, a module that does something when it is run",
    )


def with_a_server(found: Findings) -> tuple[Findings, Choice | None]:
    """Return what is found once an extra or a group is named that alone has the server; None: it is not needed."""
    if any(found.has(name) for name in SERVERS):
        return found, None
    for choice in found.choices:
        if choice.packages & SERVERS and choice.name not in _OF_DEVELOPERS:
            return replace(found, dependencies=found.dependencies | choice.packages), choice
    return found, None


def _added(package: str, found: Findings) -> str:
    """Return how a package becomes one of the project's, in the words of the tool that the project uses."""
    name = found.wanted or found.lock
    if name == "Pipfile" or name == "Pipfile.lock":
        return f"`pipenv install {package}`"
    if name == "poetry.lock":
        return f"`poetry add {package}`"
    if name == "pdm.lock":
        return f"`pdm add {package}`"
    if name.endswith((".txt", ".in")) and not found.is_described:
        return f"`{append_command(found.folder, name, package)}`"
    if found.is_described:
        return f"`uv add {package}`"
    return f"`{append_command(found.folder, 'requirements.txt', package)}`"


def choose_beside(found: Findings) -> Choices:
    """Return what a configuration may lack that has a release already: its environments, and the migrations."""
    return _running(found, CONFIGURED)


def release_name(name: str) -> str:
    """Return the name of the release for a project's name."""
    found = re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_-").lstrip("0123456789_-")[:64] or "app"
    return found if re.fullmatch(NAME_PATTERN, found) and found not in BUILT_IN_COMMANDS else f"app_{found}"[:64]


def _candidates(found: Findings) -> Iterator[Choices]:
    main, image, sources = _main_process(found.procfile), found.dockerfile, found.sources
    for words, place in (
        (found.procfile.get(main, ()), PROCFILE),
        ((*image.entrypoint, *image.cmd), DOCKERFILE),
        (image.cmd if image.entrypoint else (), f"{DOCKERFILE}'s CMD"),
    ):
        command, variables = _command_of(words, found)
        if command:
            yield _serving(found, command, place, variables)
    for app in sources.web_apps:
        command = server_for(app, found.dependencies) or server_for(app, found.dependencies | found.locked)
        if command:
            yield _serving(found, command, f"{app.target} and {command[0]} among the dependencies", ())
    for target in sources.celery_apps if found.has("celery") and not sources.web_apps else ():
        yield _running(found, f"the celery app in {target}", command=("celery", "-A", target, "worker"))
    ordered = sorted(found.scripts.items(), key=lambda script: script[0] != found.name)
    for name, target in ordered:
        target = target.partition("[")[0].strip()
        if _is_entry_point(target):
            yield _running(found, f"[project.scripts] {name}", entry=target)
    if sources.web_apps:
        return
    for target in sources.main_functions:
        if _is_entry_point(target):
            yield _running(found, f"the function main of {target.partition(':')[0]}", entry=target)
    for package in sources.packages_with_main:
        yield _running(found, f"{package}/__main__.py", command=("python", "-m", package))
    for module in sources.scripts:
        yield _running(found, f"what {module} does when it is run", command=("python", "-m", module))


def _main_process(procfile: Mapping[str, tuple[str, ...]]) -> str:
    return "web" if "web" in procfile else next((name for name in procfile if name != RELEASE), "")


def _with_the_rest(choices: Choices, found: Findings) -> Choices:
    """Return the choices with what a Procfile runs beside and before the app, and a Dockerfile's variables."""
    processes: dict[str, tuple[str, ...]] = {}
    needed = [*choices.required_env]
    left_out: list[str] = []
    for name, words in found.procfile.items():
        command, variables = _command_of(words, found)
        if name in (RELEASE, _main_process(found.procfile)):
            continue
        if command and choices.command and choices.reason == PROCFILE:
            processes[_process_name(name)] = command
            needed += variables
        else:
            left_out.append(f"{name} of the Procfile")
    if choices.reason == f"{DOCKERFILE}'s CMD":
        left_out.append("the Dockerfile's ENTRYPOINT")
    words = found.procfile.get(RELEASE, ())
    is_alembic = "alembic" in words and bool(choices.script_location)
    task, variables = ((), ()) if is_alembic else _command_of(words, found)
    if RELEASE in found.procfile and not is_alembic and not task:
        left_out.append(f"{RELEASE} of the Procfile")
    env = {name: value for name, value in found.dockerfile.env.items() if name != "PORT"}
    commands = (choices.command, task, *processes.values())
    copied = tuple(
        sorted(name for name in found.named_files if any(_PLACE + name in _places_in(each) for each in commands))
    )
    if found.django_settings and any(command[:3] == DJANGO for command in commands):
        env.setdefault("DJANGO_SETTINGS_MODULE", found.django_settings)
    required = tuple(name for name in dict.fromkeys([*needed, *variables]) if name not in env)
    layout = _layout(found, (choices.entry_point, *(word for each in commands for word in each)))
    reads = () if layout else found.tree.read
    has_tree = bool(found.tree.is_folder or layout or reads)
    return replace(
        choices,
        layout=layout,
        reads=reads,
        shared=found.tree.shared if has_tree else (),
        steps=found.tree.steps,
        version="project" if found.has_version else "git" if found.has_git else FIRST_VERSION,
        processes=processes,
        task=task,
        env=env,
        required_env=required,
        suggested_env=tuple(name for name in choices.suggested_env if name not in (*required, *env)),
        migrations_run="pre_start" if is_alembic and choices.migrations_run != "manual" else choices.migrations_run,
        copied=copied,
        left_out=tuple(left_out),
    )


def _layout(found: Findings, words: tuple[str, ...]) -> str:
    """Return `folder` if something that is to run, or Django's settings, lies beside the project's wheel."""
    named = [word.partition(":")[0] for word in words if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(\))?", word)]
    modules = (found.django_settings, *named)
    is_beside = any(is_beside_the_wheel(found.folder, found.tree, module) for module in modules)
    return "folder" if is_beside else ""


def _process_name(name: str) -> str:
    """Return the name of a process for one of a Procfile."""
    found = re.sub(r"[^a-z0-9_-]+", "_", name.lower()).lstrip("0123456789_-") or "process"
    return f"{found}_process" if found == "main" else found


def _command_of(words: tuple[str, ...], found: Findings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the bundle can run of these words, and the variables in it that have no default."""
    port = found.dockerfile.env.get("PORT") or found.dockerfile.port
    command, variables = _without_shell(words, f"${{PORT:-{port}}}" if port.isdecimal() else PORT)
    if command[:1] == ("python",):
        command = _as_module(command, found)
    if not command or not _is_runnable(command, found) or _is_for_the_project(command, found):
        return (), ()
    named = frozenset() if found.tree.is_folder else found.named_files  # which lie in the app's own folder
    return (command[0], *(_with_place(word, named) for word in command[1:])), variables


def _as_module(command: tuple[str, ...], found: Findings) -> tuple[str, ...]:
    """Return `python -m module ...` for `python path/module.py ...`: the bundle has modules, and no such path."""
    words = command[1:]
    while words and words[0] in _PYTHON_FLAGS:
        words = words[1:]
    if words[:1] == ("manage.py",) and found.django_settings:
        return (*DJANGO, *words[1:])
    if words and words[0].endswith(".py"):
        path = words[0].removeprefix("./").removeprefix("src/").removesuffix(".py")
        module = path.replace("/", ".").removesuffix(".__main__")
        if path.replace("/", ".") in found.sources.modules:
            return ("python", "-m", module, *words[1:])
    return ("python", *words)


def _is_for_the_project(command: tuple[str, ...], found: Findings) -> bool:
    """Tell whether a command starts a server for development, or looks for the app or its scripts in the project."""
    if "runserver" in command or command[0] in ("fastapi", "alembic") or (command[0] == "flask" and "db" in command):
        return True
    is_named = "FLASK_APP" in found.dockerfile.env or any(word in ("--app", "-A") for word in command)
    return command[:1] == ("flask",) and "run" in command and not (is_named and not found.has("gunicorn"))


def _with_place(word: str, named_files: frozenset[str]) -> str:
    """Return the word with a file of the project named where the release has it."""
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{_PLACE}{value}" if value in named_files else word


def _places_in(command: tuple[str, ...]) -> set[str]:
    return {word.rpartition("=")[2] for word in command}


def _running(found: Findings, reason: str, *, entry: str = "", command: tuple[str, ...] = ()) -> Choices:
    return Choices(
        name=release_name(found.name),
        entry_point=entry,
        command=command,
        reason=reason,
        suggested_env=found.sources.required_variables,
        script_location=found.script_location if found.has_alembic else "",
        migrations_run="manual" if found.has_placeholder_url else "post_start",
    )


def _serving(found: Findings, command: tuple[str, ...], reason: str, variables: tuple[str, ...]) -> Choices:
    finds_it = found.tree.is_folder or bool({"-c", "--config"}.intersection(command))
    if command[0] == "gunicorn" and GUNICORN_CONF in found.named_files and not finds_it:
        command = (command[0], "-c", f"{_PLACE}{GUNICORN_CONF}", *command[1:])  # which it would find in its own folder
    address = address_of(command)
    health = found.health
    socket = ""
    if address:
        command, socket = with_socket(command)
    if command[0] == "gunicorn" and found.has_control_socket and "--no-control-socket" not in command:
        command = (command[0], "--no-control-socket", *command[1:])  # one for all releases of a user, in its home
    return Choices(
        socket=socket,
        name=release_name(found.name),
        command=command,
        reason=reason,
        readiness="http" if address else "started",
        address=address,
        health=(health or "/") if address else "",
        # A root may lead elsewhere, or be nowhere, and Django refuses names that ALLOWED_HOSTS has not: all of that is
        # told by a worker that has imported the app.
        status="<500" if address and (not health or found.django_settings) else "",
        required_env=variables,
        suggested_env=tuple(name for name in found.sources.required_variables if name not in variables),
        script_location=found.script_location if found.has_alembic else "",
        migrations_run="manual" if found.has_placeholder_url else "post_start",
    )


def _is_entry_point(text: str) -> bool:
    try:
        entry_point(text)
    except Wrong:
        return False
    return True


def _without_shell(words: tuple[str, ...], port: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a command as rel/config.toml has it, and the variables in it that have no default."""
    while wrapper := next((each for each in WRAPPERS if words[: len(each)] == each), None):
        words = words[len(wrapper) :]
    variables: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"]
        if match["default"]:
            return f"${{{name}{match['default']}}}"
        if name == "PORT":
            return port
        variables.append(name)
        return f"${{{name}}}"

    pattern = r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?P<default>:-[^}$]*)?\}|(?P<plain>[A-Za-z_]\w*))"
    result = tuple(re.sub(pattern, replaced, word) for word in words)
    if any("$" in re.sub(r"\$\{[A-Za-z_]\w*(:-[^}$]*)?\}", "", word) for word in result):
        return (), ()
    if result and re.fullmatch(r"(.*/)?python3?(\.\d+)?", result[0]):
        result = ("python", *result[1:])
    return result, tuple(dict.fromkeys(variables))


def _is_runnable(command: tuple[str, ...], found: Findings) -> bool:
    """Tell whether the bundle will hold the program: a console script of the project or of a dependency."""
    program = command[0]
    if program == "python":
        is_file = found.tree.is_folder and command[1:2] and command[1] in found.named_files
        return bool(is_file) or (len(command) > 2 and command[1] == "-m")
    packages = {"waitress-serve": "waitress", "huey_consumer": "huey", "django-admin": "django"}
    return program in found.scripts or found.has(packages.get(program, program))
