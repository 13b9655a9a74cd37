"""Which shared libraries does a bundled interpreter have to bring along, and where do they come from?

Everything that the interpreter, its extension modules and the app's wheels need, except what belongs to the host: the C
library, which goes with its loader and kernel, and what goes with its graphics driver. Wheels are looked at as well,
because "manylinux" lets them take libgcc_s and libstdc++ from the host (PEP 513, PEP 600).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from releaser.build.tools.elf import Elf, from_origin, read_elf

_HOSTS_OWN = re.compile(
    r"ld-(linux|musl)|ld64\.|lib(c|m|pthread|dl|rt|resolv|util|anl|mvec|BrokenLocale|thread_db)\.(so\.|musl-)"
    r"|libnss_|lib(GL|EGL|OpenGL|X|xcb|drm|gbm|vulkan|cuda|nvidia)"
)
ALWAYS = ("libgcc_s.so.1",)
"""Loaded by glibc itself by this name, needed by none: without it a thread that ends early aborts the process."""
_LDCONFIG_LINE = re.compile(r"\s*(\S+) \(([^)]*)\) => (.+)")
_USUAL_FOLDERS = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A library that was not found on this machine."""

    name: str
    wanted_by: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Libraries to copy, and those that are not there to be copied."""

    found: Mapping[str, Elf]
    """By the name that they are asked for, without a folder, in byte order."""
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds a library as the dynamic linker of this machine would (ld.so(8))."""

    machine: tuple[str, int, bool]
    program_search: tuple[str, ...]
    """The search path of the executable, which holds for all that it loads."""
    library_path: tuple[str, ...]
    """`LD_LIBRARY_PATH`."""
    cached: Mapping[str, tuple[str, ...]]
    """ldconfig's cache: name to paths."""

    def find(self, name: str, wanted_by: Elf) -> Elf | None:
        """Return the library that `wanted_by` gets for `name`, or None."""
        for path in self._candidates(name, wanted_by):
            found = read_elf(path)
            if found is not None and found.machine == self.machine:
                return found
        return None

    def _candidates(self, name: str, wanted_by: Elf) -> Iterator[Path]:
        if is_relative(name):
            yield Path(from_origin(name, wanted_by.path))
            return
        for folder in (*wanted_by.search, *self.program_search, *self.library_path):
            yield Path(folder, name)
        yield from map(Path, self.cached.get(name, ()))
        for folder in _USUAL_FOLDERS:
            yield Path(folder, name)


def is_relative(name: str) -> bool:
    """Tell whether a library is asked for by where it lies beside what needs it, as standalone builds of Python do."""
    return name.startswith(("$ORIGIN/", "${ORIGIN}/"))


def is_the_hosts(name: str) -> bool:
    """Tell whether the library `name` has to be the host's own; one that is asked for by its full path always is."""
    return not is_relative(name) and ("/" in name or _HOSTS_OWN.match(name) is not None)


def parse_ldconfig(text: str) -> dict[str, tuple[str, ...]]:
    """Return name to paths of what `ldconfig -p` printed, without variants for particular processors."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        match = _LDCONFIG_LINE.match(line)
        if match and "hwcap" not in match[2]:
            found[match[1]] = (*found.get(match[1], ()), match[3])
    return found


def collect(
    programs: Iterable[Elf],
    find: Callable[[str, Elf], Elf | None],
    provided: Callable[[str, Elf | None], bool] = lambda name, found: False,
) -> Collected:
    """Return every library that `programs` need, and those that these need in their turn.

    `provided` tells of a name, and of the library that was found for it or None, whether it is there without being
    copied: a wheel's own for example.
    """
    found: dict[str, Elf] = {}
    missing: dict[str, Missing] = {}
    waiting = deque((name, program) for program in programs for name in program.needed)
    while waiting:
        asked, wanted_by = waiting.popleft()
        name = asked.rpartition("/")[2] if is_relative(asked) else asked
        if name in found or name in missing or is_the_hosts(asked):
            continue
        library = find(asked, wanted_by)
        if provided(name, library):
            continue
        if library is None:
            missing[name] = Missing(name=name, wanted_by=wanted_by.path)
        else:
            found[name] = library
            waiting.extend((further, library) for further in library.needed)
    return Collected(found=dict(sorted(found.items())), missing=tuple(missing.values()))
