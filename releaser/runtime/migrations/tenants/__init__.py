"""A database with many tenants: each in a process of its own, so many at a time, and a table at the end.

`tenants` goes from end to end, `one_tenant` is what a process does for one.
"""
