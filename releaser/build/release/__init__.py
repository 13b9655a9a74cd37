"""What stands beside the bundle in the version's folder: launcher, hooks, commands, overlays, migrations, manifest.

`record` is written last and names all of it; open it first.
"""
