"""Hooks, and everything else that the supervisor runs besides the app.

`hook_queue` says which one is next, `hook` is one while it runs, `jobs` are their processes and limits.
"""
