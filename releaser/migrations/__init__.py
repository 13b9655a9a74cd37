"""What the build needs to know of a project's migrations: the revision graph, read without a database.

Open `reading` first; `judge` is the lint.
"""

from __future__ import annotations

from .graph import Graph
from .reading import read_graph

__all__ = ["Graph", "read_graph"]
