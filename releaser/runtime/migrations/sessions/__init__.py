"""Sessions with a database: connecting within a limit, staying alive, and being ended by a signal.

Open `connection` first: what is asked of one, and what is counted as committed.
"""
