"""Carries out a plan, step by step, in a staging folder; what was built takes its place at the end.

Open `step_table` first: which function carries out which step. The rooms are a table of `tests/test_architecture.py`.
"""
