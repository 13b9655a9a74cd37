"""Where the launcher enters: `python -I -S releases/VERSION/runtime/__main__.py ROOT VERSION COMMAND [ARGUMENTS]`.

The file is run by path, so it first gives itself its name: this copy of the runtime is `releaser.runtime` in this
process, whatever else may be installed. It is run as a file, not as a folder: for a folder Python imports `runpy` and
what that needs, 4 ms of a `ping` of 10.
"""

import sys
from _signal import SIGINT, default_int_handler, getsignal, signal  # type: ignore[import-not-found]
from posix import _exit

# Ctrl-C while what follows is imported: nothing was begun, so there is nothing to tell, and a traceback tells nobody.
# The modules are there already, in every Python that starts; a SIGINT that the caller ignores stays ignored.
if getsignal(SIGINT) is default_int_handler:
    signal(SIGINT, lambda number, frame: _exit(130))

_here = __file__.rpartition("/")[0] or "."
_package = type(sys)("releaser")
_package.__path__ = [_here.rpartition("/")[0] or "/"]
sys.modules["releaser"] = _package
if sys.path[0] == _here:  # run as a folder all the same: its modules must not hide the app's of the same name
    del sys.path[0]

from releaser.runtime.commands.command_line import run  # noqa: E402

run(sys.argv[1:])
