"""How long do builds take, against shiv, pex, PyInstaller and a plain virtual environment? Seconds, and ratios to ours.

    python tests/benchmarks/build.py [--project tiny|guestbook|large]... [--pyinstaller] [--rounds N]

Every figure of one call is taken on the same machine in the same minutes, with warm download caches; compare ratios,
not seconds. "From nothing" removes the output and our cache each time; peers have no such cache but pex's, which goes
too. The peers are installed into a virtual environment that this script makes. Needs a package index.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import uv

REPOSITORY = Path(__file__).parents[2]
LARGE = ("numpy", "pandas", "boto3")
PEERS = ("shiv", "pex", "pip")
_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = [{dependencies}]

[tool.hatch.build.targets.wheel]
packages = ["src/{name}"]
"""
_CONFIG = """\
[release.{name}]
entry_point = "{name}.main:main"

[environment.prod]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A project to build."""

    name: str
    root: Path
    folder: Path
    environment: str
    source: Path
    entry_point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way to build, measured."""

    seconds: float
    peak_bytes: int


def generated(root: Path, name: str, dependencies: tuple[str, ...]) -> Subject:
    """Write a project with these dependencies, and lock it."""
    source = root / "src" / name / "main.py"
    source.parent.mkdir(parents=True)
    imports = "".join(f"import {dependency}\n" for dependency in dependencies)
    source.write_text(f"{imports}\n\ndef main():\n    print('ready')\n")
    (source.parent / "__init__.py").touch()
    quoted = ", ".join(f'"{dependency}"' for dependency in dependencies)
    (root / "pyproject.toml").write_text(_PROJECT.format(name=name, dependencies=quoted))
    (root / "rel").mkdir()
    (root / "rel/config.toml").write_text(_CONFIG.format(name=name))
    run(root, uv.find_uv_bin(), "pip", "compile", "-q", "--generate-hashes", "pyproject.toml", "-o", "requirements.txt")
    return Subject(
        name=name, root=root, folder=root, environment="prod", source=source, entry_point=f"{name}.main:main"
    )


def guestbook(root: Path) -> Subject:
    """Return a copy of the example."""
    for name in ("rel", "examples"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    folder = root / "examples/guestbook"
    source = folder / "src/guestbook/server.py"
    return Subject(
        name="guestbook",
        root=root,
        folder=folder,
        environment="staging",
        source=source,
        entry_point="guestbook.server:main",
    )


def run(folder: Path, *words: str | Path, env: dict[str, str] | None = None) -> Measured:
    """Run a program, which must work, and return how long it took and the most memory it had with its children."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = Peak(process.pid)
        code = process.wait()
        seconds = time.perf_counter() - began
        peak.end()
        if code:
            output.seek(0)
            sys.exit(f"{words} ended with {code}:\n{output.read().decode(errors='replace')[-2000:]}")
    return Measured(seconds=seconds, peak_bytes=peak.bytes)


class Peak:
    """Watches what a process and its children hold in memory together; shared pages count once for each."""

    def __init__(self, pid: int) -> None:
        """Begin."""
        self.bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(psutil.Process(pid),))
        self._thread.start()

    def end(self) -> None:
        """End."""
        self._is_over.set()
        self._thread.join()

    def _watch(self, process: psutil.Process) -> None:
        while not self._is_over.wait(0.02):
            total = 0
            try:
                for each in (process, *process.children(recursive=True)):
                    total += each.memory_info().rss
            except psutil.Error:
                continue
            self.bytes = max(self.bytes, total)


def ours(subject: Subject) -> Measured:
    return run(subject.root, sys.executable, "-m", "releaser", "build", "-q", "--env", subject.environment)


def change_a_line(subject: Subject) -> None:
    text = subject.source.read_text()
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    subject.source.write_text(f"{text.rstrip()}\n# {mark}\n")


def peers(subject: Subject, tools: Path, scratch: Path, with_pyinstaller: bool) -> dict[str, Callable[[], Measured]]:
    """Return the ways of others to build the same, by name; each leaves its output at `scratch / name`."""
    lock = subject.folder / "requirements.txt"
    pex_root = scratch / "pex-root"

    def shiv() -> Measured:
        words = ("-o", scratch / "shiv", "-e", subject.entry_point)
        return run(subject.folder, tools / "shiv", *words, "-r", without_hashes(lock), ".")

    def pex() -> Measured:
        shutil.rmtree(pex_root, ignore_errors=True)
        words = ("-o", scratch / "pex", "--pex-root", pex_root, "-e", subject.entry_point)
        return run(subject.folder, tools / "pex", *words, "-r", without_hashes(lock), ".")

    def venv() -> Measured:
        folder = scratch / "venv"
        shutil.rmtree(folder, ignore_errors=True)
        one = run(subject.folder, sys.executable, "-m", "venv", folder)
        two = run(subject.folder, folder / "bin/pip", "install", "-q", "-r", without_hashes(lock), ".")
        return Measured(seconds=one.seconds + two.seconds, peak_bytes=max(one.peak_bytes, two.peak_bytes))

    def without_hashes(path: Path) -> Path:
        names = [line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line]
        plain = scratch / "plain.txt"
        plain.write_text("\n".join(names) + "\n")
        return plain

    def pyinstaller() -> Measured:
        venv()
        python = scratch / "venv/bin/python"
        run(subject.folder, scratch / "venv/bin/pip", "install", "-q", "pyinstaller")
        words = ("--noconfirm", "--log-level", "ERROR", "--distpath", scratch / "PyInstaller")
        return run(scratch, python, "-m", "PyInstaller", *words, subject.source)

    found = {"shiv": shiv, "pex": pex, "venv": venv}
    return found | {"PyInstaller": pyinstaller} if with_pyinstaller else found


def size_of(path: Path) -> float:
    if path.is_file():
        return path.stat().st_size / 1e6
    return sum(each.lstat().st_size for each in path.rglob("*") if each.is_file()) / 1e6


def first_start(subject: Subject, scratch: Path) -> float:
    """Return the seconds from the archive to the app's modules imported."""
    built = subject.root / "_build" / subject.environment
    (archive,) = built.glob("*.tar.gz")
    target = scratch / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    began = time.perf_counter()
    run(target, "tar", "-xzf", archive)
    (root,) = target.iterdir()
    module = subject.entry_point.partition(":")[0]
    run(root, root / "bin" / root.name, "eval", f"import {module}", env={"RELEASE_PYTHON": sys.executable})
    return time.perf_counter() - began


def measure(subject: Subject, tools: Path, scratch: Path, rounds: int, with_pyinstaller: bool) -> None:
    """Print the figures of one project."""
    cold: list[Measured] = []
    for _ in range(rounds):
        shutil.rmtree(subject.root / "_build", ignore_errors=True)
        cold.append(ours(subject))
    same = [ours(subject) for _ in range(rounds)]
    changed: list[Measured] = []
    for _ in range(rounds):
        change_a_line(subject)
        changed.append(ours(subject))
    base = median(cold)
    (archive,) = (subject.root / "_build" / subject.environment).glob("*.tar.gz")
    print(f"\n{subject.name}: median of {rounds}, seconds (ratio to ours from nothing), peak memory, size")
    for name, found in (("from nothing", cold), ("nothing changed", same), ("one line changed", changed)):
        peak = max(each.peak_bytes for each in found) / 1e6
        print(f"  releaser, {name:18} {median(found):7.2f}  ({median(found) / base:5.2f})  {peak:5.0f} MB")
    print(f"  releaser, archive {size_of(archive):.1f} MB, first start from it {first_start(subject, scratch):.2f} s")
    for name, build in peers(subject, tools, scratch, with_pyinstaller).items():
        found = [build() for _ in range(rounds)]
        peak = max(each.peak_bytes for each in found) / 1e6
        size = size_of(scratch / name)
        print(f"  {name:28} {median(found):7.2f}  ({median(found) / base:5.2f})  {peak:5.0f} MB  {size:6.1f} MB")


def median(found: list[Measured]) -> float:
    return statistics.median(each.seconds for each in found)


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--project", action="append", choices=("tiny", "guestbook", "large"))
    parser.add_argument("--pyinstaller", action="store_true", help="measure PyInstaller too, which takes minutes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="releaser-benchmark-") as folder:
        here = Path(folder)
        tools = here / "tools"
        run(here, sys.executable, "-m", "venv", tools)
        run(here, tools / "bin/pip", "install", "-q", *PEERS)
        makers: dict[str, Callable[[Path], Subject]] = {
            "tiny": lambda root: generated(root, "tiny", ()),
            "guestbook": guestbook,
            "large": lambda root: generated(root, "large", LARGE),
        }
        for name in options.project or makers:
            (here / name).mkdir()
            scratch = here / f"{name}-scratch"
            scratch.mkdir()
            measure(makers[name](here / name), tools / "bin", scratch, options.rounds, options.pyinstaller)


if __name__ == "__main__":
    main()
