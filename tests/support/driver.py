"""Runs one function of a release's runtime as a command: ROOT VERSION MODULE:FUNCTION [ARGUMENTS].

Does what the launcher and the command table do around it, so that a part can be tested before and apart from them.
"""

import os
import sys

root, version, target, *words = sys.argv[1:]
package = type(sys)("releaser")
package.__path__ = [f"{root}/releases/{version}"]
sys.modules["releaser"] = package

from releaser.runtime.release.context import Context  # noqa: E402
from releaser.runtime.release.failures import Failure  # noqa: E402
from releaser.runtime.release.layout import Layout  # noqa: E402

module, _, function = target.partition(":")
imported = __import__(f"releaser.runtime.{module}", fromlist=[function])
context = Context(Layout.of(root, version, os.environ), "app", os.environ)
try:
    sys.exit(getattr(imported, function)(context, words))
except Failure as failure:
    print(*failure.lines(), sep="\n", file=sys.stderr)
    sys.exit(failure.exit_code)
