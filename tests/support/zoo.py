"""The small configurations of `tests/zoo`, each with the text that is expected of it beside it.

After a wording was changed on purpose, `python tests/support/zoo.py` writes all expected texts anew; read the
difference before believing it.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

from releaser.cli.output.messages import format_error
from releaser.config import Profile, read_config
from releaser.errors import ReleaserError

FOLDER = Path(__file__).parent.parent / "zoo"
BROKEN = sorted(FOLDER.glob("*.toml"))
VALID = sorted((FOLDER / "valid").glob("*.toml"))


def told_of(config: Path, folder: Path) -> str:
    """Return what a person reads when the release of `config` is asked for: an error, or the profile.

    A first line `# for: RELEASE ENVIRONMENT` says what to ask for; without it, the defaults.
    """
    path = folder / "rel" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(config, path)
    first = config.read_bytes().partition(b"\n")[0].decode("utf-8", "replace")
    release, environment = first.removeprefix("# for: ").split() if first.startswith("# for: ") else (None, None)
    try:
        profile = read_config(path, now="nothing was built").profile(release, environment, now="nothing was built")
    except ReleaserError as error:
        return format_error(error) + "\n"
    return _as_text(profile)


def _as_text(profile: Profile) -> str:
    """Return the fields that differ from their default, one a line, with the place each was written at."""
    lines = []
    for field in dataclasses.fields(Profile):
        value = getattr(profile, field.name)
        if field.name in ("root", "origins") or value == _default(field):
            continue
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for key, entry in entries:
            name = f"{field.name}.{key}" if key else field.name
            lines.append(f"{name} = {_plain(entry)}")
    lines.append("")
    lines += [f"{name}: {origin.line}:{origin.column}" for name, origin in profile.origins.items()]
    return "\n".join(lines) + "\n"


def _default(field: dataclasses.Field[object]) -> object:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_plain(entry) for entry in value)}]"
    if dataclasses.is_dataclass(value):
        shown = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        origin = shown.pop("origin", None)
        place = f" at {origin.line}:{origin.column}" if origin else ""
        return f"{{{', '.join(f'{name}: {entry!r}' for name, entry in shown.items())}}}{place}"
    return repr(value)


if __name__ == "__main__":
    for file in (*BROKEN, *VALID):
        with tempfile.TemporaryDirectory() as scratch:
            file.with_suffix(".txt").write_text(told_of(file, Path(scratch)), encoding="utf-8")
