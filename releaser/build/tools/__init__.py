"""What each step of a build works with: programs, the cache and its locks, jobs in threads, files of several formats.

`commands` starts every program, `cache` keeps what the next build takes again. Nothing here knows the build that is
under way.
"""
