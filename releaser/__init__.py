"""Self-contained releases of Python services."""

__version__ = "0.1.0"
