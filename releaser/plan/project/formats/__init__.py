"""What says of a project what `[project]` in pyproject.toml would say: older tables, setup.py, Pipfile, a script.

One module for each format; each answers in the words of `[project]`. Open `poetry` first, the longest of them.
"""
