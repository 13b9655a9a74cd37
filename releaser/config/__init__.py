"""What the author of `rel/config.toml` wants, as checked and frozen values.

Open `read` first: it makes the file a value, with all problems at once. The settings are in `settings/`.
"""

from __future__ import annotations

from releaser.config.profile import Profile
from releaser.config.read import Config, read_config

__all__ = ["Config", "Profile", "read_config"]
