"""The app and what it needs become one file: the runtime is added, all of it looked at, and a zipapp is written.

`writing` makes the file; `entry` is what is looked at before.
"""
