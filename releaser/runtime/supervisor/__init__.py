"""The process that the caller started: a loop, one table of states, and a keeper for each process.

`foreground` begins it, `supervisor` is it, `states` says what each event makes of it; `keeping` runs one instance.
"""
