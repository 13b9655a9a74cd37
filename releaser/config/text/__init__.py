"""What a text of the configuration may be: where it stands in the file, its checks, its `${NAME}`, its repetition in messages.

Open `checks` first: one function per sort of text. `positions` says where in the file a value is; nothing here knows a setting.
"""
