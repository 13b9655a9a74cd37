"""Who vouches for a file? OpenSSH signatures (ssh-keygen(1), `-Y`), in the namespace `releaser`.

A key is only ever named to ssh-keygen, which reads it, asks for its passphrase, or has the agent or a security key
sign. Nothing of it is kept, copied or printed.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from releaser.errors import ReleaserError, UsageError

NAMESPACE = "releaser"
_NO_PROGRAM = "ssh-keygen was not found on PATH"
_ENDS_WITHIN_S = 5.0
_GET_IT = "install OpenSSH's client (on Debian and Ubuntu: apt install openssh-client)"
_KEY = re.compile(r"with (\S+) key (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose signature was found to be good."""

    identity: str
    """As the file of allowed signers has it; empty when nobody was asked whose key it is."""
    key: str
    """Kind and fingerprint."""


def signature_file(file: Path) -> Path:
    """Return where the signature of `file` lies."""
    return file.with_name(f"{file.name}.sig")


def check_key(key: Path) -> None:
    """Refuse, before anything slow, what cannot sign.

    Raises:
        UsageError: there is no such file.
        ReleaserError: there is no ssh-keygen.
    """
    if not key.is_file():
        raise UsageError(
            f"cannot sign with {key}: there is no such file",
            now="nothing was built",
            hint="name a private key, or the public half (KEY.pub) of one that ssh-agent holds",
        )
    if shutil.which("ssh-keygen") is None:
        raise ReleaserError(f"cannot sign: {_NO_PROGRAM}", now="nothing was built", hint=_GET_IT)


def sign(file: Path, key: Path) -> Path:
    """Sign `file` and return the signature's file; a passphrase is asked for on the terminal.

    Raises:
        ReleaserError: ssh-keygen cannot, with its words.
    """
    signature = signature_file(file)
    signature.unlink(missing_ok=True)
    answer = _ssh_keygen("-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key), str(file), purpose="sign")
    if answer.returncode or not signature.is_file():
        raise ReleaserError(f"cannot sign with {key}: ssh-keygen refuses", output=_words(answer))
    signature.chmod(0o644)
    return signature


def verify(file: Path, allowed_signers: Path, identity: str) -> Signer:
    """Return who signed `file`; an empty `identity` stands for anyone in `allowed_signers`.

    Raises:
        ReleaserError: nobody of them did, or the file is not the one that was signed.
    """
    signature = signature_file(file)
    where = ("-f", str(allowed_signers), "-s", str(signature))
    if not identity:
        answer = _ssh_keygen("-Y", "find-principals", *where)
        if answer.returncode:
            raise ReleaserError(
                f"{file.name} is signed with a key that {allowed_signers} does not allow",
                problems=(),
                output=_words(answer),
                hint=f"it is signed with {_key_of(file)}",
            )
        identity = answer.stdout.splitlines()[0].partition(",")[0]
    answer = _ssh_keygen("-Y", "verify", "-I", identity, "-n", NAMESPACE, *where, stdin=file)
    if answer.returncode:
        raise ReleaserError(f"{file.name} has no good signature of {identity}", output=_words(answer))
    return Signer(identity=identity, key=_key(answer.stdout))


def check_intact(file: Path) -> Signer:
    """Return with which key `file` was signed, whoever's that is.

    Raises:
        ReleaserError: the file is not the one that was signed.
    """
    signature = signature_file(file)
    answer = _ssh_keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(signature), stdin=file)
    if answer.returncode:
        raise ReleaserError(f"{file.name} is not what was signed", output=_words(answer))
    return Signer(identity="", key=_key(answer.stdout))


def _key_of(file: Path) -> str:
    try:
        return check_intact(file).key
    except ReleaserError:
        return "a key that does not fit the file either"


def _ssh_keygen(
    *words: str, stdin: Path | None = None, purpose: str = "check the signature"
) -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ReleaserError(f"cannot {purpose}: {_NO_PROGRAM}", hint=_GET_IT)
    argv = [program, *words]
    with stdin.open("rb") if stdin else contextlib.nullcontext(subprocess.DEVNULL) as source:
        # Nothing may interrupt between the start and the place that ends it: it would go on asking for a passphrase.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            process = subprocess.Popen(
                argv,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
            )
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        with process:
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                out, errors = process.communicate()
            except BaseException:
                process.terminate()  # so that it gives the terminal its echo back
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_ENDS_WITHIN_S)
                process.kill()
                raise
    return subprocess.CompletedProcess(argv, process.returncode, out, errors)


def _key(text: str) -> str:
    found = _KEY.search(text)
    return f"{found[1]} {found[2]}" if found else ""


def _words(answer: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip())[-5:]
