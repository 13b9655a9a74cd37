"""The files that leave the machine: an archive of the tree, one file that runs, and the papers that lie beside it.

`writing` makes the archive, `sidecars` what lies beside it.
"""
