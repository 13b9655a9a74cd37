"""Who vouches for a file? OpenSSH signatures (ssh-keygen(1), `-Y`), in the namespace `releaser`.

A key is only ever named to ssh-keygen, which reads it, asks for its passphrase, or has the agent or a security key
sign. Nothing of it is kept, copied or printed. Signatures are checked by the shipped runtime, which does so on hosts.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from releaser.errors import ReleaserError, UsageError
from releaser.runtime.release.checking import signatures as checking
from releaser.runtime.release.checking.signatures import GET_IT, NAMESPACE, NO_PROGRAM, Signer
from releaser.runtime.release.failures import Failure

_ENDS_WITHIN_S = 5.0


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
        raise ReleaserError(f"cannot sign: {NO_PROGRAM}", now="nothing was built", hint=GET_IT)


def sign(file: Path, key: Path) -> Path:
    """Sign `file` and return the signature's file; a passphrase is asked for on the terminal.

    Raises:
        ReleaserError: ssh-keygen cannot, with its words.
    """
    signature = signature_file(file)
    signature.unlink(missing_ok=True)
    answer = _ssh_keygen("-Y", "sign", "-q", "-n", NAMESPACE, "-f", str(key), str(file))
    if answer.returncode or not signature.is_file():
        raise ReleaserError(f"cannot sign with {key}: ssh-keygen refuses", output=_words(answer))
    signature.chmod(0o644)
    return signature


def verify(file: Path, allowed_signers: Path, identity: str) -> Signer:
    """Return who signed `file`; an empty `identity` stands for anyone in `allowed_signers`.

    Raises:
        ReleaserError: nobody of them did, or the file is not the one that was signed.
    """
    with as_releaser_error():
        return checking.verify(
            checking.read_small(str(file)), file.name, str(signature_file(file)), str(allowed_signers), identity
        )


def check_intact(file: Path) -> Signer:
    """Return with which key `file` was signed, whoever's that is.

    Raises:
        ReleaserError: the file is not the one that was signed.
    """
    with as_releaser_error():
        return checking.check_intact(checking.read_small(str(file)), file.name, str(signature_file(file)))


@contextlib.contextmanager
def as_releaser_error() -> Iterator[None]:
    """Raise a failure of the shipped runtime, which looks at artifacts too, as one of ours."""
    try:
        yield
    except Failure as failure:
        raise ReleaserError(failure.message, output=failure.details, now=failure.now, hint=failure.hint) from failure


def _ssh_keygen(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ReleaserError(f"cannot sign: {NO_PROGRAM}", hint=GET_IT)
    argv = [program, *words]
    # Nothing may interrupt between the start and the place that ends it: it would go on asking for a passphrase.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
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


def _words(answer: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in (answer.stdout + answer.stderr).splitlines() if line.strip())[-5:]
