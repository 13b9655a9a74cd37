"""The control socket: who is connected to it, what may be asked, and how that is answered.

`clients` are the connections, `status` is the longest answer.
"""
