"""What the project itself says: its pyproject.toml or what came before it, its lock, its revision, its Python.

Open `pyproject` first. Files that other tools wrote are read by `reading` only.
"""
