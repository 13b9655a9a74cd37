"""Which archives may be unpacked at all? The rules for the list of their members; nothing is read or written here.

Whoever sends an archive chooses every name in it. A release that `releaser build` packs keeps to all of these, so an
archive that breaks one was damaged, made by hand, or made to write where it should not (CVE-2001-1267, CVE-2007-4559
and many after them).
"""

from __future__ import annotations

import os

from ..release.checking.record import FILE, FOLDER, LINK, Member, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_BYTES = 255
"""Of one name: the limit of every file system in use (NAME_MAX, pathconf(3))."""
PATH_BYTES = 3000
"""Of a path below the root: PATH_MAX is 4096, and the root has a path of its own."""
DEPTH = 64
MEMBERS = 100_000
_HOPS = 40
"""Links that lead to links: the kernel follows 40 (path_resolution(7))."""
_STEPS = 1_000_000
"""Parts of the paths of all links that are gone through: those of a release are some hundreds."""
_OF_THE_HOST = ("var", "allowed_signers")
_RUNS = 0o755
_MODES = {FILE: (_RUNS, 0o644), FOLDER: (_RUNS,), LINK: (0,)}


class Refused(Exception):
    """The archive holds what no release holds; the text says what."""


class Judge:
    """Is given each member in turn, and refuses the first one that breaks a rule."""

    def __init__(self) -> None:
        self.name = ""
        """The folder that everything lies in, which is the release's name."""
        self.version = ""
        """The one version in it, once a member of it has come."""
        self.members: dict[str, Member] = {}
        """By path below that folder; hashes are for whoever reads them to add."""
        self._steps = 0

    def admit(self, name: str, member: Member) -> str:
        """Return the path of a member below the release's folder, empty for that folder itself.

        Raises:
            Refused: it breaks a rule.
        """
        parts = name.split("/")
        if len(self.members) >= MEMBERS:
            raise Refused(f"it holds more than {MEMBERS} files, folders and links")
        self._check_name(name, parts, member)
        path = "/".join(parts[1:])
        if not path:
            if member.kind != FOLDER:
                raise Refused(f"{quoted(name)} is neither a file, a folder nor a link in its folder")
            return ""
        if member.kind not in (FILE, FOLDER, LINK):
            raise Refused(f"{quoted(name)} is neither a file, a folder nor a link")
        if path in self.members:
            raise Refused(f"{quoted(name)} is in it twice")
        if member.kind == LINK and not member.link:
            raise Refused(f"the link {quoted(name)} leads nowhere")
        parent = "/".join(parts[1:-1])
        if parent and (parent not in self.members or self.members[parent].kind != FOLDER):
            raise Refused(f"{quoted(name)} would be unpacked through what is no folder of it")
        self._check_place(parts[1:], name, member)
        if member.mode not in _MODES[member.kind]:
            raise Refused(f"{quoted(name)} has mode {member.mode:04o}, and a release has 0755 and 0644")
        self.members[path] = member
        return path

    def check_links(self, of_the_host: Mapping[str, str]) -> None:
        """Look at every link once all members are known; `of_the_host` are those that the author lets lead to the host.

        Raises:
            Refused: another one leads out of the release.
        """
        links = {path: member.link for path, member in self.members.items() if member.kind == LINK}
        for path, target in links.items():
            if of_the_host.get(path) != target or not target.startswith("/"):
                self._follow(path, links)

    def _check_name(self, name: str, parts: list[str], member: Member) -> None:
        if "\0" in name or "\0" in member.link:
            raise Refused(f"{quoted(name)} has a NUL byte in it")
        if name.startswith("/") or not parts[0] or parts[0] in (".", "..") or ".." in parts or not name:
            raise Refused(f"{quoted(name)} would be unpacked outside its folder")
        if "" in parts or "." in parts:
            raise Refused(f"{quoted(name)} is no plain path")
        self.name = self.name or parts[0]
        if parts[0] != self.name:
            raise Refused(f"{quoted(name)} would be unpacked outside its folder, which is {quoted(self.name)}")
        if len(os.fsencode(name)) > PATH_BYTES or len(os.fsencode(member.link)) > PATH_BYTES or len(parts) > DEPTH:
            raise Refused(f"{quoted(name)} lies deeper than a file system allows")
        if any(len(os.fsencode(part)) > NAME_BYTES for part in (*parts, *member.link.split("/"))):
            raise Refused(f"{quoted(name)} has a name of more than {NAME_BYTES} bytes in it")

    def _check_place(self, parts: list[str], name: str, member: Member) -> None:
        """Refuse what would take the place of the host's own, and a second version."""
        if parts[0] in _OF_THE_HOST:
            raise Refused(f"{quoted(name)} is the host's, and not part of a release")
        if parts[0].startswith("python-") or len(parts) == 1:
            is_right = member.kind == FOLDER or len(parts) > 1
            is_right &= parts[0] in ("bin", "releases") or parts[0].startswith("python-")
        elif parts[0] == "bin":
            is_right = parts[1:] == [self.name] and member.kind == FILE and member.mode == _RUNS
        elif parts[1] == "default":
            is_right = len(parts) == 2 and member.kind == FILE
        else:
            is_right = len(parts) > 2 or (member.kind == FOLDER and not parts[1].startswith("."))
            self.version = self.version or parts[1]
            if parts[1] != self.version:
                raise Refused("it holds more than one version")
        if not is_right:
            raise Refused(f"{quoted(name)} is not what a release has there")

    def check_whole(self) -> None:
        """Look, once all members are known, for what every release has.

        Raises:
            Refused: it is not there.
        """
        for path in (f"bin/{self.name}", f"releases/{self.version}/runtime/__main__.py"):
            if path not in self.members:
                raise Refused(f"it holds no {quoted(path)[1:-1]}")

    def _follow(self, path: str, links: Mapping[str, str]) -> None:
        """Go where a link leads, through the other links, as the kernel would."""
        shown = quoted(f"{self.name}/{path}")
        at = path.split("/")[:-1]
        way = links[path].split("/")[::-1]
        if links[path].startswith("/"):
            raise Refused(f"the link {shown} leads out of it")
        hops = 1
        while way:
            part = way.pop()
            self._steps += 1
            if self._steps > _STEPS:
                raise Refused("its links lead through each other without end")
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    raise Refused(f"the link {shown} leads out of it")
                at.pop()
                continue
            at.append(part)
            if at[0] in _OF_THE_HOST:
                raise Refused(f"the link {shown} leads to what is the host's")
            target = links.get("/".join(at))
            if target is None:
                continue
            hops += 1
            if hops > _HOPS:
                raise Refused(f"the link {shown} leads in a circle, or through more than {_HOPS} links")
            if target.startswith("/"):
                raise Refused(f"the link {shown} leads out of it")
            at.pop()
            way += target.split("/")[::-1]
