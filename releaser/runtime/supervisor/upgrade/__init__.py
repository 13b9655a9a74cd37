"""How a running release becomes another version: both run, one takes over, the other drains and ends.

`upgrading` is the machine, `generation` what the new version is started with, `accepted` proves who is served.
"""
