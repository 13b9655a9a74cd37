"""The prompt of `console`: Python's own, which also awaits at the top."""

from __future__ import annotations

import ast
import code
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CO_COROUTINE = 0x80


def interact(names: dict[str, Any], banner: str) -> None:
    """Read and run statements until the end of the input.

    Raises:
        SystemExit: `exit()` at the prompt.
    """
    _Console(names).interact(banner=banner, exitmsg="")


class _Console(code.InteractiveConsole):
    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self._names = names
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: types.CodeType) -> None:
        if not code.co_flags & _CO_COROUTINE:
            super().runcode(code)
            return
        from ..bundle.loops import wait_for

        try:
            wait_for(types.FunctionType(code, self._names)())
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()
