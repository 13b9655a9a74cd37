"""Is a release here as it was built, may it run on this host, and whose is it?

Open `tree_check` first: it compares every file of the root with the version's record.
"""
