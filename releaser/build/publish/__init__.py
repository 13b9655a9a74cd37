"""How what is finished takes the place of what was there, and how the next build knows that it has nothing to do.

`publishing` has the timeline of it, with its point of no return; open it first.
"""
