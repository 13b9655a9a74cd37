"""Which environment do the markers of requirements speak of? That of the Python that a release is built for.

The names are those of the packaging specification "Dependency specifiers".
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from releaser.plan.facts import Interpreter


def marker_environment(interpreter: Interpreter) -> dict[str, str]:
    """Return the variables of markers that `interpreter` decides; the rest is that of this machine."""
    implementation = interpreter.implementation
    return {
        "implementation_name": implementation,
        "implementation_version": interpreter.full_version,
        "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation),
        "platform_machine": interpreter.platform.partition("-")[2],
        "python_full_version": interpreter.full_version,
        "python_version": interpreter.version,
    }


def applies(marker: str, environment: Mapping[str, str], extra: str = "") -> bool:
    """Tell whether `marker` holds; an empty one does, and so does one that says nothing that is known."""
    try:
        return not marker or Marker(marker).evaluate({**environment, "extra": extra})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True
