"""The first `rel/config.toml` of a project, written from what is found in it."""

from __future__ import annotations
