"""Where the launcher enters: `python -I -S releases/VERSION/runtime ROOT VERSION COMMAND [ARGUMENTS]`.

The folder is run by path, so it first gives itself its name: this copy of the runtime is `releaser.runtime` in this
process, whatever else may be installed.
"""

import sys

_here = __file__.rpartition("/")[0] or "."
_package = type(sys)("releaser")
_package.__path__ = [_here.rpartition("/")[0] or "/"]
sys.modules["releaser"] = _package
del sys.path[0]

from releaser.runtime.command_line import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
