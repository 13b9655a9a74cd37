"""The files that settings name: what lies there, which must not be copied, which are not there.

Open `named` first. `private` knows what must never get into a release.
"""
