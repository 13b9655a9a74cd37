"""How the project becomes a wheel: packed by its own build backend, or as its files lie.

`application_wheel` does the one, `build_env` the other; the rest is what must not get into it, or has to be known.
"""
