"""One instance of one process: started, asked whether it is ready and alive, and started again when it crashes.

`keeper` is it, out of its sockets, probes and end; `restarts` says whether it is started again, `news` who hears of it.
"""
