"""What do steps find out about the libraries that a release brings along? Later ones list them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A shared library that was copied into a release."""

    name: str
    path: str
    """Below the interpreter's folder."""
    licence: str
    """An SPDX expression; empty when it is not known."""
    package: str = ""
    """Of the builder's distribution; empty when none has it."""
    version: str = ""
    """That package's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedIn:
    """A library that is part of a program."""

    name: str
    """That of the project that makes it, in lower case: `openssl`."""
    version: str
    """Empty where the interpreter cannot tell it."""
    licence: str
    """An SPDX expression."""
    vendor: str = ""
    """Its maker and itself, as vulnerability databases call them: `openssl:openssl`; empty when they do not."""

    @property
    def cpe(self) -> str:
        """The name of this version in vulnerability databases (CPE 2.3); empty when there is none."""
        return f"cpe:2.3:a:{self.vendor}:{self.version}:*:*:*:*:*:*:*" if self.vendor and self.version else ""
