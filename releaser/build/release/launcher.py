"""What does the launcher need? Itself, rendered from its template, and the files that it reads."""

from __future__ import annotations

import shlex
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from releaser.build.stage.under_way import Stage
from releaser.runtime.release.layout import LAUNCHER

TEMPLATE = Path(__file__).parent / "launcher.sh.j2"
_ENV_FILE = """\
# Sourced by bin/{name} before anything else; what is set here is exported to hooks and to the app.
# The one file of a release that is yours to edit. It is this version's alone: another version gets it by
# `{name} upgrade VERSION --keep-env`. What is to last stands in the file that env_file in rel/config.toml names, for
# every version. A value of the caller's environment can be kept:
#
# DATABASE_URL=${{DATABASE_URL:-postgresql://db.internal/shop}}
# RELEASE_PYTHON=/opt/python/bin/python3
"""


def write_launcher(stage: Stage) -> None:
    """Write `bin/NAME`, `releases/default`, and the version's `launcher`, which is the same, `env.sh` and `python`."""
    sketch = stage.plan.sketch
    launcher = stage.root / "bin" / sketch.name
    launcher.parent.mkdir(parents=True)
    text = render(TEMPLATE.read_text(encoding="utf-8"), sketch.name, sketch.version)
    for path in (launcher, stage.release / LAUNCHER):
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    (stage.root / "releases" / "default").write_text(f"{sketch.version}\n", encoding="utf-8")
    (stage.release / "env.sh").write_text(_ENV_FILE.format(name=sketch.name), encoding="utf-8")
    bundled = (stage.bundled_python, stage.glibc) if stage.bundled_python else ("-",)
    words = (stage.plan.interpreter.version, *(word for word in bundled if word))
    (stage.release / "python").write_text(f"{' '.join(words)}\n", encoding="utf-8")


def render(template: str, name: str, version: str) -> str:
    """Return the launcher's text; every value that may hold a quote goes through `shell_quote`."""
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters["shell_quote"] = shlex.quote
    return environment.from_string(template).render(name=name, version=version)
