"""What pins the project's dependencies: which file, and which packages of it the bundle gets.

Open `finding` first. `graph` walks a lock from the project's own dependencies; `poetry`, `pdm`, `pipenv` and `uv` read
the file of the tool of that name, `lines` the others.
"""
