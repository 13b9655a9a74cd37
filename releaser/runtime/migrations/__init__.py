"""The migration task, alone in knowing alembic and SQLAlchemy, which are the app's own.

`task` is what is done with one database, `run` the run of env.py, `revisions` what happens to each revision.
"""
