"""What a release is and where it lies: the tree, the record of each file, the manifest, the environment.

`layout` has every path, `manifest` every fact that the build wrote down. Nothing here starts a process or asks one.
"""
