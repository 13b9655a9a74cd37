"""What stands after `bin/NAME`: one module for a command or a few of a kind, and one table of them all.

`command_line` has the table; each command is a function of a context and its words that returns the exit code.
"""
