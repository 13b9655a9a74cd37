"""What the author of `rel/config.toml` wants, as checked and frozen values."""

from __future__ import annotations

from releaser.config.profile import Profile
from releaser.config.read import Config, read_config

__all__ = ["Config", "Profile", "read_config"]
