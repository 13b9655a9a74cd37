"""Who vouches for a file? Asked of OpenSSH (ssh-keygen(1), `-Y`), in the namespace `releaser`."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

from ..failures import DAMAGED, FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "releaser"
NO_PROGRAM = "ssh-keygen was not found on PATH"
GET_IT = "install OpenSSH's client (on Debian and Ubuntu: apt install openssh-client)"
_WITHIN_S = 60.0
_MOST_LINES = 20
_MOST_PRINCIPALS = 200
_MOST_BYTES = 1024 * 1024
"""Of a file of checksums, a signature or a list of signers."""
_OTHERS_MAY_WRITE = 0o022


class Signer:
    """Whose signature was found to be good."""

    __slots__ = ("identity", "key")

    def __init__(self, identity: str, key: str) -> None:
        self.identity = identity  # as the file of allowed signers has it; empty when nobody was asked whose key it is
        self.key = key  # kind and fingerprint


def verify(content: bytes, name: str, signature: str, allowed_signers: str, identity: str = "") -> Signer:
    """Return who signed `content`, which messages call `name`; an empty `identity` stands for anyone who is allowed.

    Raises:
        Failure: nobody of `allowed_signers` did, or it is not what was signed, or there is no ssh-keygen.
    """
    read_small(signature)  # no pipe, and not without end
    where = ("-f", allowed_signers, "-s", signature)
    identities = [identity] if identity else _principals(name, where, content)
    for identity in identities:
        code, words = _ssh_keygen("-Y", "verify", "-I", identity, "-n", NAMESPACE, *where, content=content)
        if not code:
            return Signer(identity, _key(words))
    whom = identities[0] if len(identities) == 1 else f"anybody in {allowed_signers}"
    raise Failure(f"{name} has no good signature of {whom}", DAMAGED, details=tuple(words))


def _principals(name: str, where: tuple[str, ...], content: bytes) -> list[str]:
    """Return who in the list may have signed: who has the key by the first line about it, then everybody else in it.

    A key may have several lines, for other namespaces or times, and ssh-keygen names the first alone.

    Raises:
        Failure: nobody has.
    """
    code, words = _ssh_keygen("-Y", "find-principals", *where)
    lines = [
        *words,
        *(
            line.split(None, 1)[0]
            for line in read_small(where[1]).decode("utf-8", "replace").splitlines()
            if line.strip()
        ),
    ]
    names = (each for line in lines if not line.startswith("#") for each in line.strip('"').split(","))
    found = dict.fromkeys(each for each in names if each and not each.startswith("!") and " " not in each)
    if code or not words:
        raise Failure(
            f"{name} is signed with a key that {where[1]} does not allow",
            DAMAGED,
            details=tuple(words),
            hint=f"it is signed with {_key_of(content, name, where[3])}",
        )
    return list(found)[:_MOST_PRINCIPALS]


def check_intact(content: bytes, name: str, signature: str) -> Signer:
    """Return with which key `content` was signed, whoever's that is.

    Raises:
        Failure: it is not what was signed, or there is no ssh-keygen.
    """
    code, words = _ssh_keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", signature, content=content)
    if code:
        raise Failure(f"{name} is not what was signed", DAMAGED, details=tuple(words))
    return Signer("", _key(words))


def read_small(path: str) -> bytes:
    """Return the content of a file of checksums, a signature or a list of signers.

    Raises:
        OSError: it cannot be read.
        Failure: it is no regular file, or too large to be what it should be.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Failure(f"cannot use {path}: it is no file", DAMAGED)
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise Failure(f"cannot use {path}: it is larger than a megabyte", DAMAGED)
    return data


def check_list(path: str) -> None:
    """Refuse a list of allowed signers that is not there, or that others than its owner may change.

    Raises:
        Failure: which of the two.
    """
    try:
        read_small(path)
        status = os.stat(path)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", DAMAGED) from error
    if status.st_mode & _OTHERS_MAY_WRITE:
        raise Failure(
            f"cannot trust {path}: others than its owner may write to it (mode {status.st_mode & 0o7777:04o})",
            DAMAGED,
            hint=f"chmod go-w {path}",
        )


def checksums_of(content: bytes, name: str) -> dict[str, str]:
    """Return the sha256 of each file that checksums in the form of sha256sum(1) name; messages call them `name`.

    Raises:
        Failure: they are none.
    """
    try:
        return dict(_checksums(content.decode("utf-8", "replace")))
    except ValueError as error:
        raise Failure(f"cannot read {name}: {error}", DAMAGED) from error


def _checksums(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        digest, _, file = line.partition("  ")
        if len(digest) != 64 or digest.strip("0123456789abcdef") or not file or "/" in file:
            raise ValueError(f"line {number} is no checksum and file name")
        yield file, digest


def _key_of(content: bytes, name: str, signature: str) -> str:
    try:
        return check_intact(content, name, signature).key
    except Failure:
        return "a key that does not fit the file either"


def _ssh_keygen(*words: str, content: bytes = b"") -> tuple[int, list[str]]:
    """Return ssh-keygen's exit code and its lines, those of its standard output first."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise Failure(f"cannot check the signature: {NO_PROGRAM}", FAILED, hint=GET_IT)
    try:
        answer = subprocess.run([program, *words], input=content, capture_output=True, timeout=_WITHIN_S)
    except subprocess.TimeoutExpired:
        raise Failure(f"cannot check the signature: ssh-keygen did not end in {_WITHIN_S:.0f} s", FAILED) from None
    lines = (answer.stdout + answer.stderr).decode("utf-8", "replace").splitlines()
    return answer.returncode, [line.rstrip() for line in lines if line.strip()][:_MOST_LINES]


def _key(lines: list[str]) -> str:
    """Return kind and fingerprint from a line such as `Good "x" signature for y with ED25519 key SHA256:...`."""
    for line in lines:
        words = line.split()
        for number, word in enumerate(words[:-3]):
            if word == "with" and words[number + 2] == "key":
                return f"{words[number + 1]} {words[number + 3]}"
    return ""
