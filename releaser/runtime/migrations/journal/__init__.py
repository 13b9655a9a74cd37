"""What was tried before: the journal's rows, and what follows from them for the next run.

Open `journal` first; `dirty` refuses what is half undone, `backup` keeps a copy to go back to.
"""
