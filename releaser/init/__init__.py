"""The first `rel/config.toml` of a project, written from what is found in it.

Open `findings` first: what is looked at. `choices` decides, `texts` writes it down.
"""

from __future__ import annotations
