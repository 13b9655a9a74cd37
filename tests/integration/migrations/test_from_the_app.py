"""`releaser.runtime.migrate()` as a running app calls it: in any thread, with its logging and its loop left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.driving import bare_environment
from support.migrated import ACCOUNTS, GENERIC_ENV, revision

if TYPE_CHECKING:
    from conftest import Subject
    from support.handmade import Handmade

INI = """\
[alembic]
script_location = %(here)s/elsewhere
prepend_sys_path = .
sqlalchemy.url = sqlite:////nowhere/at/all.db

[loggers]
keys = root,alembic
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARNING
handlers = console
qualname =
[logger_alembic]
level = INFO
handlers =
qualname = alembic
[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic
[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""

PRELUDE = """\
import sys
package = type(sys)("releaser")
package.__path__ = [{release!r}]
sys.modules["releaser"] = package
from releaser.runtime import MigrationFailed, migrate, progress
"""


def in_app(release: Handmade, environ: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process that has what the app's process of a release has."""
    contract = {
        "RELEASE_ROOT": str(release.root),
        "RELEASE_VERSION": release.version,
        "RELEASE_VAR": release.layout.var,
        "RELEASE_PYTHON": sys.executable,
        "LISTEN_FDS": "1",
        "NOTIFY_SOCKET": "/nowhere",
    }
    return subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE.format(release=release.layout.release) + code],
        env={**bare_environment(), **environ, **contract},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_migrates_and_sends_its_progress_to_standard_error(subject: Subject) -> None:
    done = in_app(subject.release(ACCOUNTS), subject.environ, "migrate()\nmigrate()")
    assert (done.returncode, done.stdout) == (0, "")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("restore point")]
    assert lines[0] == "[1/3] a001 create account ..."
    assert lines[-2:] == [
        "database is at a003 (head): applied 3 revisions",
        "nothing to do: the database is at a003 (head)",
    ]
    assert subject.ask("SELECT balance FROM account") == [1001]


def test_progress_comes_line_by_line_to_whoever_called(sqlite: Subject) -> None:
    code = (
        "import asyncio\n"
        "async def called_by_rpc():\n"
        "    await asyncio.to_thread(migrate, to='a002')\n"
        "heard = []\n"
        "with progress.SentTo(heard.append):\n"
        "    asyncio.run(called_by_rpc())\n"
        "print(*heard, sep='|', end='')\n"
    )
    done = in_app(sqlite.release(ACCOUNTS), sqlite.environ, code)
    assert done.stderr == ""
    heard = done.stdout.split("|")
    assert len(heard) == 5
    assert heard[0] == "[1/2] a001 create account ...\n"
    assert heard[4] == "database is at a002 (1 revision behind head): applied 2 revisions\n"


def test_a_failure_is_raised_with_the_migrations_own_words(subject: Subject) -> None:
    broken = revision("a004", "a003", "broken", 'op.execute("INSERT INTO nowhere VALUES (1)")')
    code = "try:\n    migrate()\nexcept MigrationFailed as failed:\n    print(failed.exit_code, failed)\n"
    done = in_app(subject.release({**ACCOUNTS, "a004": broken}), subject.environ, code)
    told = done.stdout.splitlines()
    assert told[0] == "1 the migration failed with exit code 1"
    assert told[1].startswith("  error: revision a004 broken failed: ")
    assert told[-1] == "    now: the database is at a003; this run applied 3 revisions, a004 was rolled back"


def test_what_failed_is_not_tried_again_for_a_hook_and_is_for_a_person(sqlite: Subject) -> None:
    broken = revision("a004", "a003", "broken", 'op.execute("INSERT INTO nowhere VALUES (1)")')
    code = (
        "for event in ('post_start', 'post_start', '', 'pre_migrate'):\n"
        "    with progress.SentTo(lambda text: None, event):\n"
        "        try:\n            migrate()\n"
        "        except MigrationFailed as failed:\n            print(failed.exit_code, str(failed).splitlines()[1])\n"
    )
    done = in_app(sqlite.release({**ACCOUNTS, "a004": broken}), sqlite.environ, code)
    first, again, by_hand, within = done.stdout.splitlines()
    assert first == by_hand == "1   error: revision a004 broken failed: no such table: nowhere"
    assert again.startswith("1   error: revision a004 failed on ")
    assert again.endswith(", and is not tried again by a start")
    assert within.startswith("11   error: cannot migrate: this is called by a hook of pre_migrate")


def test_outside_of_a_release_it_says_so() -> None:
    import pytest

    from releaser.runtime import migrate

    with pytest.raises(RuntimeError, match="not a process of a release: RELEASE_ROOT, "):
        migrate()


def test_logging_running_loop_and_threads_of_the_app_are_left_alone(sqlite: Subject) -> None:
    release = sqlite.release(ACCOUNTS, env=GENERIC_ENV, config={"alembic.ini": INI})
    code = (
        "import asyncio, logging, threading\n"
        "logging.basicConfig(stream=sys.stdout, format='%(message)s', level='INFO')\n"
        "log = logging.getLogger('app')\n"
        "before = list(logging.getLogger().handlers)\n"
        "async def main():\n"
        "    migrate()\n"
        "    workers = [threading.Thread(target=migrate) for _ in range(3)]\n"
        "    for worker in workers: worker.start()\n"
        "    for worker in workers: worker.join()\n"
        "    log.info('still logging')\n"
        "asyncio.run(main())\n"
        "assert logging.getLogger().handlers == before and not log.disabled\n"
        "assert 'alembic' not in sys.modules and 'sqlalchemy' not in sys.modules\n"
    )
    done = in_app(release, sqlite.environ, code)
    assert (done.returncode, done.stdout) == (0, "still logging\n"), done.stderr
    assert done.stderr.count("nothing to do: the database is at a003 (head)\n") == 3
    assert sqlite.version() == ["a003"]


def test_the_child_inherits_neither_sockets_nor_what_announces_the_app(sqlite: Subject, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    looking = revision(
        "a001",
        None,
        "look",
        "import os",
        "kept = [name for name in ('LISTEN_FDS', 'NOTIFY_SOCKET') if name in os.environ]",
        "targets = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
        " if os.path.lexists(f'/proc/self/fd/{fd}')]",
        "sockets = [target for target in targets if target.startswith('socket')]",
        f"open({str(seen)!r}, 'w').write(f'{{kept}} {{sockets}} {{targets[0]}}')",
    )
    code = (
        "import os, socket\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "os.set_inheritable(listener.fileno(), True)\n"
        "migrate()\n"
    )
    done = in_app(sqlite.release({"a001": looking}), sqlite.environ, code)
    assert done.returncode == 0, done.stderr
    assert seen.read_text() == "[] [] /dev/null"
