"""What a person sees while it runs: lines, a bar, and what alembic writes to its own log.

Open `report` first: every line goes through it.
"""
