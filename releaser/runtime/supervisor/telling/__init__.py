"""Where what the supervisor has to say goes: its own output, the log of `start`, and the service manager.

`voice` is what it says itself; `output` a descriptor that lines are written to, `logger` the process behind it.
"""
