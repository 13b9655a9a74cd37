"""The migration task, alone in knowing alembic and SQLAlchemy, which are the app's own.

Open `databases` first: it goes through those that are meant. `database/task` is what is done with one,
`database/run` the run of env.py, `database/revisions` what happens to each revision; `failures` has the exit codes.
"""
