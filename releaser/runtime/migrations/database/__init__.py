"""One run of one database: its order, the run of env.py, each revision, and what came of it.

Open `task` first: the steps of a run stand there in their order.
"""
