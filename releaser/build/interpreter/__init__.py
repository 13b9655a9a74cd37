"""A release's own Python: which one, which parts of it and of the host's libraries, and that it runs anywhere.

`kept` carries out the step; `copying` is the way from end to end.
"""
