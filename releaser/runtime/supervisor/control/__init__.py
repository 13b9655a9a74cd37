"""The control socket: who is connected to it, what may be asked, and how that is answered.

`answers` is the table of requests, `clients` the connections; `status` and `restarting` are answers of their own.
"""
