"""What is installed: read from the lock, put into a layer of the cache, stripped, compiled and packed there.

`installing` is the way from end to end; open it first.
"""
