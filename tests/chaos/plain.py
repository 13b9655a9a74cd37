"""The same faults with `alembic upgrade head` and the env.py that `alembic init` writes: for the comparison."""

from __future__ import annotations

import subprocess
import sys

from chaos.law import Told
from support.driving import run

PATIENCE_S = 10.0
_CODE = """\
import sys
from alembic import command
from alembic.config import Config
config = Config()
config.set_main_option("script_location", sys.argv[1])
config.set_main_option("sqlalchemy.url", sys.argv[2].replace("%", "%%"))
sys.path.insert(0, sys.argv[3])
getattr(command, sys.argv[4])(config, sys.argv[5])
"""
_GOALS = {"down": ("downgrade", "base")}
HUNG = "no end of it within 10 s"


def command(scripts: str, url: str, modules: str, story: str) -> list[str]:
    """Return the argv of plain alembic for a story."""
    return [sys.executable, "-c", _CODE, scripts, url, modules, *_GOALS.get(story, ("upgrade", "head"))]


def again(argv: list[str], environ: dict[str, str]) -> Told:
    """Run it once more; one that does not end, because a session that nobody ends holds the tables, is ended."""
    try:
        done = run(argv, environ=environ, within=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return Told(1, HUNG)
    return Told(done.returncode, done.stdout + done.stderr)
