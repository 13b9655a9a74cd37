"""Hooks, and everything else that the supervisor runs besides the app.

`events` begins those of the release, `hook_queue` says which is next, `hook` is one, `jobs` their processes and limits.
"""
