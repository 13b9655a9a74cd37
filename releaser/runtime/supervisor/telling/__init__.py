"""Where what the supervisor has to say goes: its own output, the log of `start`, and the service manager.

`output` is a descriptor that lines are written to, `logger` the process behind it, `systemd` the manager's end.
"""
