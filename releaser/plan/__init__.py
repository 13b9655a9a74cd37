"""From checked values and what is on the disk to a list of steps, without touching anything.

Open `make` first: what it decides. `gather` looks at the project (`project/`) and at the files that settings name
(`files/`).
"""
