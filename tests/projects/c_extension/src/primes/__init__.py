"""Counts primes in C, and escapes them with a dependency that was built from source as well."""

import markupsafe._speedups
from markupsafe import escape

from primes import _count


def main() -> None:
    print(escape(f"{_count.below(1000)} primes < 1000"), markupsafe._speedups.__name__)
