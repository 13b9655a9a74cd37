"""What a text of the configuration may be: where it stands in the file, its checks, how a message repeats it.

Open `checks` first: one function per sort of text. `positions` says where in the file a value is. Nothing here
knows a setting.
"""
