"""One instance of one process: started, asked whether it is ready and alive, and started again when it crashes.

`keeper` is it; `watch` and `pulse` ask, by a probe of `readiness`; `restarts` says whether it is started again.
"""
