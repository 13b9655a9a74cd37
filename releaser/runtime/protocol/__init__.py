"""What travels between commands, supervisor, app and systemd: sockets, frames, verbs, replies.

`requests` has every verb of both sockets; `client` is how a command asks. Nothing here knows who answers.
"""
