"""Which module writes and reads Zstandard? Python's own (3.14, PEP 784), or the backport of it."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd

__all__ = ["zstd"]
