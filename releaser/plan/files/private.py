"""Which files must never get into a release? Those that hold secrets, or a repository's history, by name and content.

A release is a file that people copy. What is left out for this reason is told in a warning, by its path.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path, PurePath

FOLDERS = (".git", ".hg", ".svn", ".ssh", ".aws", ".gnupg")
NAMES = (
    *(".env", ".env.*", "*.env.local"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"),
    *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk"),
    *(".git", ".netrc", ".pgpass", ".pypirc", ".htpasswd", ".git-credentials", ".my.cnf"),
)
SAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist")
"""They show which variables there are, with values that are nobody's."""
PRIVATE = "left out: a release is copied from machine to machine, and this looks like a secret"
_KEYS = ("*.pem", "*.key", "*.der", "*.asc", "*.pkcs8")
_HEAD_BYTES = 64 * 1024
_PUBLIC = (b"-----BEGIN CERTIFICATE", b"-----BEGIN PUBLIC KEY", b"-----BEGIN RSA PUBLIC KEY", b"-----BEGIN X509")


def is_private(path: Path) -> bool:
    """Tell whether the file or folder at `path` must not get into a release; its folders are not looked at.

    A `.pem` file counts as a key unless it says that it is a certificate or a public key.
    """
    if path.name in FOLDERS:
        return True
    if path.is_dir():
        return False
    if any(fnmatch.fnmatchcase(path.name.lower(), pattern) for pattern in NAMES):
        return path.name.lower() not in SAMPLES
    if not any(fnmatch.fnmatchcase(path.name.lower(), pattern) for pattern in _KEYS):
        return False
    if path.exists() and not path.is_file():
        return False  # a pipe would be waited for, and none is copied
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return True
    if b"PRIVATE KEY-----" in head:
        return True
    return path.suffix.lower() == ".pem" and not any(mark in head for mark in _PUBLIC)


def is_below_private_folder(inside: PurePath) -> bool:
    """Tell whether a relative path leads through a folder that must not get into a release."""
    return any(part in FOLDERS for part in inside.parts[:-1])
