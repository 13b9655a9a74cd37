"""The environment variables of a release: the contract's own, defaults, and what lies on the host.

Open `environment` first: `RELEASE_*` and `${NAME:-default}`.
"""
