"""How a running release becomes another version: both run, one takes over, the other drains and ends.

`steps` are the tables and `upgrading` carries them out; `switching` begins it, and `handover` follows at its end.
"""
