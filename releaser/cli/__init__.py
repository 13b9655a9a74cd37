"""The command line of the build side: arguments in, sentences and exit codes out.

Open `main` first: the table of commands. What is printed is made in `output/`, and nowhere else.
"""
