"""How a version gets from an archive into the root: read, judged whole, vouched for, staged and renamed.

`unpacking` is the way from end to end; `rules` says what an archive may hold. The build side reads with these too.
"""
