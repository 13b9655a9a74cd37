"""How the project becomes a wheel: packed by its own build backend, or as its files lie.

`wheel` is the way from end to end; the rest is what must not get into it, or has to be known of it.
"""
