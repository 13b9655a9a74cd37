"""The process that the caller started: it runs hooks and instances, and answers on the control socket.

`supervisor` puts its parts together: open it first, then `states`, the one table of what each event means, and `life`,
which carries that out. Rooms: `keeping` an instance, `hooks`, `control` for requests, `upgrade`, `telling` the outside.
"""
