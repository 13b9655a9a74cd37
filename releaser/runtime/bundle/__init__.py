"""How a process of the bundle is made: the app's code, its configuration, its descriptors and its calls.

`activation` puts the code on `sys.path`, `configuration` completes the environment, `process` forks and execs.
"""
