"""Which exit codes has `releaser`, besides 0 and those of the errors in `releaser.errors`?"""

USAGE = 2
"""The command line was wrong."""
BUG = 70
"""Of ours; a traceback is printed."""
SIGNALLED = 128
"""And the number of the signal."""
