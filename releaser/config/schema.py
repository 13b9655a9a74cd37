"""What may stand in `rel/config.toml`, as JSON schema for editors and for `releaser schema`?"""

from __future__ import annotations

from typing import Any

from releaser.config.settings.tables import SETTINGS, TOP

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the file, made from the same rows that read it.

    It is looser than the reader where a schema cannot say what is wanted: what one table may lack when another brings
    it, which names are there, flags of the interpreter.
    """
    top = TOP.schema()
    profile = SETTINGS.schema()
    for outer in ("release", "environment"):
        top["properties"][outer]["additionalProperties"] = {"$ref": "#/$defs/settings"}
        top["properties"][outer]["minProperties"] = 1
    top["required"] = ["release", "environment"]
    return {"$schema": DIALECT, "title": "rel/config.toml of releaser", **top, "$defs": {"settings": profile}}
