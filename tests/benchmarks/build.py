"""How long do builds take, against shiv, pex, PyInstaller and a plain virtual environment? Seconds, and ratios to ours.

    python tests/benchmarks/build.py [--project tiny|guestbook|large]... [--rounds N]

Every figure of one call is taken on the same machine in the same minutes, with warm download caches; compare ratios,
not seconds, and on a busy machine processor seconds: its load is printed. "From nothing" removes the output and our
cache each time; peers have no such cache but pex's, which goes too. Releaser and the peers are installed by pip into
virtual environments that this script makes, with their byte code. Needs a package index.
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
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import uv

REPOSITORY = Path(__file__).parents[2]
LARGE = ("numpy", "pandas", "boto3")
PEERS = ("pip", "shiv", "pex")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Without what would let some programs compile themselves at each start and others not."""
ZST = "zst"
"""The environment that is built as a tar.zst."""
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
_ZST = f"""
[environment.{ZST}]
include_python = false
archive = "tar.zst"
strip = {{ debug_info = true }}
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
    processor_seconds: float
    """Of the program and all that it has started and waited for: on a busy machine, trust these."""
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
    (root / "rel/config.toml").write_text(_CONFIG.format(name=name) + _ZST)
    run(root, uv.find_uv_bin(), "pip", "compile", "-q", "--generate-hashes", "pyproject.toml", "-o", "requirements.txt")
    return Subject(
        name=name, root=root, folder=root, environment="prod", source=source, entry_point=f"{name}.main:main"
    )


def guestbook(root: Path) -> Subject:
    """Return a copy of the example."""
    for name in ("rel", "examples"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("_build", "__pycache__"))
    config = root / "rel/config.toml"
    config.write_text(config.read_text() + _ZST)
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
            env={**ENVIRONMENT, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        peak = Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        peak.end()
        if code:
            output.seek(0)
            sys.exit(f"{words} ended with {code}:\n{output.read().decode(errors='replace')[-2000:]}")
    return Measured(seconds=seconds, processor_seconds=usage.ru_utime + usage.ru_stime, peak_bytes=peak.bytes)


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


def ours(subject: Subject, tools: Path, environment: str) -> Measured:
    return run(subject.root, tools / "releaser/bin/releaser", "build", "-q", "--env", environment)


def change_a_line(subject: Subject) -> None:
    text = subject.source.read_text()
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    subject.source.write_text(f"{text.rstrip()}\n# {mark}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another way to build the same."""

    name: str
    build: Callable[[], Measured]
    output: Path
    first_start: Callable[[], float] | None = None
    """Seconds from what is copied to another machine to the app's modules imported; None: it cannot be asked."""
    rounds: int = 0
    """How often it is measured; 0: as often as the others."""


def peers(subject: Subject, tools: Path, scratch: Path) -> Iterator[Peer]:
    """Yield the ways of others that are there; of those that are not, that is said."""
    lock = subject.folder / "requirements.txt"
    module = subject.entry_point.partition(":")[0]
    pex_root, shiv_root = scratch / "pex-root", scratch / "shiv-root"

    def shiv() -> Measured:
        words = ("-o", scratch / "shiv", "-e", subject.entry_point)
        return run(subject.folder, tools / "bin/shiv", *words, "-r", without_hashes(lock), ".")

    def start_shiv() -> float:
        shutil.rmtree(shiv_root, ignore_errors=True)
        env = {"SHIV_ROOT": str(shiv_root), "SHIV_INTERPRETER": "1"}
        return run(scratch, sys.executable, scratch / "shiv", "-c", f"import {module}", env=env).seconds

    def pex() -> Measured:
        shutil.rmtree(pex_root, ignore_errors=True)
        words = ("-o", scratch / "pex", "--pex-root", pex_root, "-e", subject.entry_point)
        return run(subject.folder, tools / "bin/pex", *words, "-r", without_hashes(lock), ".")

    def start_pex() -> float:
        shutil.rmtree(pex_root, ignore_errors=True)
        env = {"PEX_ROOT": str(pex_root), "PEX_INTERPRETER": "1"}
        return run(scratch, sys.executable, scratch / "pex", "-c", f"import {module}", env=env).seconds

    def venv() -> Measured:
        folder = scratch / "venv"
        shutil.rmtree(folder, ignore_errors=True)
        one = run(subject.folder, sys.executable, "-m", "venv", folder)
        two = run(subject.folder, folder / "bin/pip", "install", "-q", "-r", without_hashes(lock), ".")
        return Measured(
            seconds=one.seconds + two.seconds,
            processor_seconds=one.processor_seconds + two.processor_seconds,
            peak_bytes=max(one.peak_bytes, two.peak_bytes),
        )

    def without_hashes(path: Path) -> Path:
        names = [line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line]
        plain = scratch / "plain.txt"
        plain.write_text("\n".join(names) + "\n")
        return plain

    def pyinstaller() -> Measured:
        python = scratch / "venv/bin/python"
        for folder in ("build", "PyInstaller"):
            shutil.rmtree(scratch / folder, ignore_errors=True)
        words = ("--noconfirm", "--log-level", "ERROR", "--distpath", scratch / "PyInstaller")
        return run(scratch, python, "-m", "PyInstaller", *words, subject.source)

    if (tools / "bin/shiv").exists():
        yield Peer(name="shiv", build=shiv, output=scratch / "shiv", first_start=start_shiv)
    else:
        print("  shiv: not installed, not measured")
    if (tools / "bin/pex").exists():
        yield Peer(name="pex", build=pex, output=scratch / "pex", first_start=start_pex)
    else:
        print("  pex: not installed, not measured")
    yield Peer(name="venv and pip", build=venv, output=scratch / "venv")
    # Into the virtual environment of the row before, without the time that takes.
    done = subprocess.run([scratch / "venv/bin/pip", "install", "-q", "pyinstaller"], check=False)
    if done.returncode == 0:
        yield Peer(name="PyInstaller, folder", build=pyinstaller, output=scratch / "PyInstaller", rounds=1)
    else:
        print("  PyInstaller: cannot be installed, not measured")


def size_of(path: Path) -> float:
    if path.is_file():
        return path.stat().st_size / 1e6
    return sum(each.lstat().st_size for each in path.rglob("*") if each.is_file()) / 1e6


def with_byte_code(built: Path, scratch: Path) -> float:
    """Return the size of what shiv has built if it held byte code, as ours does: unpacked, compiled, packed again."""
    folder = scratch / "with-byte-code"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder)
    subprocess.run([sys.executable, "-m", "compileall", "-q", folder], stdout=subprocess.DEVNULL, check=False)
    return size_of(Path(shutil.make_archive(str(folder), "zip", folder)))


def archive_of(subject: Subject, environment: str, ending: str) -> Path:
    (archive,) = (subject.root / "_build" / environment).glob(f"*.{ending}")
    return archive


def first_start(subject: Subject, environment: str, ending: str, scratch: Path) -> float:
    """Return the seconds from the archive to the app's modules imported."""
    target = scratch / "unpacked"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    began = time.perf_counter()
    run(target, "tar", "-xf", archive_of(subject, environment, ending))
    (root,) = target.iterdir()
    module = subject.entry_point.partition(":")[0]
    run(root, root / "bin" / root.name, "eval", f"import {module}", env={"RELEASE_PYTHON": sys.executable})
    return time.perf_counter() - began


def measure(subject: Subject, tools: Path, scratch: Path, rounds: int) -> None:
    """Print the figures of one project."""
    ours(subject, tools, subject.environment)  # download caches are filled by this one, and by the peers' first
    load = os.getloadavg()[0]
    print(f"\n{subject.name}: median of {rounds}; load of the machine {load:.1f}")
    print(f"  {'':28} seconds  (ratio)  processor seconds  peak memory  size")
    base = 0.0
    archives: dict[str, float] = {}
    for environment, ending in ((subject.environment, "tar.gz"), (ZST, "tar.zst")):
        cold: list[Measured] = []
        for _ in range(rounds):
            shutil.rmtree(subject.root / "_build", ignore_errors=True)
            cold.append(ours(subject, tools, environment))
        same = [ours(subject, tools, environment) for _ in range(rounds)]
        changed: list[Measured] = []
        for _ in range(rounds):
            change_a_line(subject)
            changed.append(ours(subject, tools, environment))
        base = base or median(cold)
        archives[ending] = size_of(archive_of(subject, environment, ending))
        started = statistics.median(first_start(subject, environment, ending, scratch) for _ in range(rounds))
        print(f"  releaser, {ending}: {archives[ending]:.1f} MB, first start from it {started:.2f} s")
        for name, found in (("from nothing", cold), ("nothing changed", same), ("one line changed", changed)):
            print(f"    {name:26} {_row(found, base)}")
    for peer in peers(subject, tools, scratch):
        peer.build()
        found = [peer.build() for _ in range(peer.rounds or rounds)]
        size = size_of(peer.output)
        start = ""
        if peer.first_start is not None:
            start = f"  first start {statistics.median(peer.first_start() for _ in range(rounds)):.2f} s"
        print(f"  {peer.name:28} {_row(found, base)}  {size:6.1f} MB{start}")
        if peer.name == "shiv":
            compiled = with_byte_code(peer.output, scratch)
            shares = ", ".join(f"{ending} {each / size:.2f}" for ending, each in archives.items())
            print(f"    our archives / shiv's: {shares}; shiv's with byte code {compiled:.1f} MB")


def _row(found: list[Measured], base: float) -> str:
    peak = max(each.peak_bytes for each in found) / 1e6
    processor = statistics.median(each.processor_seconds for each in found)
    return f"{median(found):7.2f}  ({median(found) / base:5.2f})  {processor:17.2f}  {peak:8.0f} MB"


def median(found: list[Measured]) -> float:
    return statistics.median(each.seconds for each in found)


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--project", action="append", choices=("tiny", "guestbook", "large"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="releaser-benchmark-") as folder:
        here = Path(folder)
        tools = here / "tools"
        for folder, names in ((tools, PEERS), (tools / "releaser", (str(REPOSITORY),))):
            run(here, sys.executable, "-m", "venv", folder)
            for name in names:
                subprocess.run([folder / "bin/pip", "install", "-q", name], check=False, env=ENVIRONMENT)
        makers: dict[str, Callable[[Path], Subject]] = {
            "tiny": lambda root: generated(root, "tiny", ()),
            "guestbook": guestbook,
            "large": lambda root: generated(root, "large", LARGE),
        }
        for name in options.project or makers:
            (here / name).mkdir()
            scratch = here / f"{name}-scratch"
            scratch.mkdir()
            measure(makers[name](here / name), tools, scratch, options.rounds)


if __name__ == "__main__":
    main()
