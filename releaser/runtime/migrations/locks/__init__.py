"""Who may migrate a database: one runner at a time, whoever else boots, and who is told to hold the lock.

`lock` waits for it, whatever the database; `sqlite`, `postgresql` and `mysql` are how each of them locks.
"""
