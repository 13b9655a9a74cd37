"""Where everything of a release lies: the tree that the builder makes and the places that the runtime writes to.

Socket addresses hold at most 107 bytes (`sun_path`, unix(7)). A release may lie deeper than that, so sockets are
always bound and connected by a relative name from inside `run`, see `releaser.runtime.protocol.sockets`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONTROL_SOCKET = "control.sock"
AGENT_SOCKET = "agent.sock"
ASIDE_SOCKET = "agent-old.sock"
"""The agent of an instance that serves while a newer version is started."""
NOTIFY_SOCKET = "notify.sock"
LAUNCHER = "launcher"
"""The version's own copy of `bin/NAME`, below its folder."""
MAIN = "main"
"""Name of the process that `entry_point` or `command` of the release itself describes."""


def numbered(file: str, process: str) -> str:
    """Return the file name of a process's own socket: plain for the main one, `agent-worker.2.sock` for others."""
    return file if process == MAIN else file.replace(".sock", f"-{process}.sock")


def agent_socket(process: str) -> str:
    """Return the file name of the agent's socket of a process."""
    return numbered(AGENT_SOCKET, process)


def worker_socket(agent: str, pid: int) -> str:
    """Return the file name of the agent's socket of one worker of a pre-forking server: `agent@4711.sock`."""
    return agent.replace(".sock", f"@{pid}.sock")


def worker_sockets(run: str, agent: str) -> dict[int, str]:
    """Return the sockets of that name in the folder `run`, by process id; some may be of workers that were killed."""
    before = agent.replace(".sock", "@")
    found: dict[int, str] = {}
    for name in names_in(run):
        pid = name.removeprefix(before).removesuffix(".sock")
        if pid.isdecimal() and name == worker_socket(agent, int(pid)):
            found[int(pid)] = name
    return dict(sorted(found.items()))


def names_in(folder: str) -> list[str]:
    """Return the names in a folder that may not be there; one that this user may not look into is an error."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


class Layout:
    """The paths of one version of one release, all absolute."""

    __slots__ = ("root", "var", "version")

    def __init__(self, root: str, version: str, var: str) -> None:
        self.root = root
        self.version = version
        self.var = var

    @classmethod
    def of(cls, root: str, version: str, environ: Mapping[str, str]) -> Layout:
        """Return the layout of `version` below `root`; `RELEASE_VAR` in `environ` moves what is written to."""
        var = environ.get("RELEASE_VAR") or os.path.join(root, "var")
        return cls(root, version, os.path.abspath(var))

    @property
    def release(self) -> str:
        """The folder of this version; nothing in it is ever written to."""
        return os.path.join(self.root, "releases", self.version)

    @property
    def manifest(self) -> str:
        return os.path.join(self.release, "manifest.json")

    @property
    def runtime(self) -> str:
        """The shipped runtime; its entry is `__main__.py`, run as a file."""
        return os.path.join(self.release, "runtime")

    @property
    def entry(self) -> str:
        """The file that every process of the release begins with."""
        return os.path.join(self.runtime, "__main__.py")

    @property
    def env_file(self) -> str:
        return os.path.join(self.release, "env.sh")

    @property
    def migrations(self) -> str:
        return os.path.join(self.release, "migrations")

    @property
    def current(self) -> str:
        """One line, the version to boot; absent means `default`."""
        return os.path.join(self.var, "current")

    @property
    def run(self) -> str:
        """Sockets, pid and lock of the running release; mode 0700."""
        return os.path.join(self.var, "run")

    @property
    def lock(self) -> str:
        """Held with flock(2) by the supervisor as long as it lives: the one truth about what runs."""
        return os.path.join(self.run, "lock")

    @property
    def pid_file(self) -> str:
        return os.path.join(self.run, "pid")

    @property
    def log(self) -> str:
        return os.path.join(self.var, "log")

    @property
    def shared(self) -> str:
        """What of the project's files every version has in common."""
        return os.path.join(self.var, "shared")

    def bundle(self, bundle_id: str) -> str:
        """The unpacked bundle: a folder laid out as a virtual environment, see `releaser.runtime.bundle.activation`."""
        return os.path.join(self.var, "bundles", bundle_id)

    def site_packages(self, bundle_id: str, python_version: str) -> str:
        return os.path.join(self.bundle(bundle_id), "lib", f"python{python_version}", "site-packages")
