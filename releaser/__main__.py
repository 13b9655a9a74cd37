"""Lets `python -m releaser` be the command `releaser`."""

from releaser.cli.main import main

main()
