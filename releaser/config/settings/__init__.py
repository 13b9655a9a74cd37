"""Every setting of `rel/config.toml`, by subject: its kind, its check, its words in the reference.

Open `tables` first: it joins the rows of what is built (`built`) with those of how it runs (`run`). A setting is
added as a row.
"""
