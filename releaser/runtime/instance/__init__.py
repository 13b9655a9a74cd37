"""What lives inside the app's process: its start, the agent that answers, forks, drain and reload.

`entry` is the first of it, `agent` the thread that answers on `run/agent.sock`.
"""
