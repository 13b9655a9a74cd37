"""How what happened is printed: progress, results, failures, for a terminal, a pipe or a program.

Open `messages` first: one policy for every error and warning.
"""
