"""Commands of one's own, and what `describe` says about them and the hooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running import Release, ended, make_release

from releaser.runtime.release.manifest import Command

APP = """\
import os, threading

def main(): threading.Event().wait()
def pid(): return os.getpid()
"""
OUTER = """\
#!/bin/sh
"$RELEASE_PROG" rpc app:pid
"$RELEASE_PROG" eval 'import os; [os.environ["RELEASE_COMMAND"], os.environ["COLOUR"]]' || exit 9
"$RELEASE_PROG" eval os:getenv COLOUR
exec "$RELEASE_PROG" inner "$@"
"""
INNER = """\
#!/bin/sh
echo "$RELEASE_COMMAND"
for word in "$@"; do printf '<%s>' "$word"; done
exit 7
"""
COMMANDS = [
    Command(name="outer", path="commands/outer", summary="ask the app, then the other command"),
    Command(name="inner", path="commands/inner", summary=""),
]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    release = make_release(
        tmp_path / "r",
        tmp_path / "s",
        modules={"app.py": APP},
        hooks=[("pre_start", "20-check", "#!/bin/sh\n# is there room on the disk?\n")],
        hook_fields={"summary": "is there room on the disk?"},
        commands=COMMANDS,
        env={"COLOUR": "red", "API_TOKEN": "sesame"},
    )
    folder = release.root / "releases" / "1.0.0" / "commands"
    folder.mkdir()
    for name, text in (("outer", OUTER), ("inner", INNER)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    with ended(release):
        yield release


def test_a_command_may_call_the_release_again(release: Release) -> None:
    release.foreground()
    (instance,) = release.status()["instances"]
    done = release.run("outer", "a b", "", "--json", "*", cwd="/")
    assert done.stderr == ""
    assert done.stdout == f"{instance['pid']}\nred\ninner\n<a b><><--json><*>"
    assert done.returncode == 7


def test_what_its_calls_say_about_an_app_that_does_not_run_is_seen(release: Release) -> None:
    done = release.run("outer")
    assert done.stderr == "error: app is not running\n"
    assert done.returncode == 7


def test_hooks_and_commands_are_described_by_their_leading_comment(release: Release) -> None:
    said = release.run("describe").stdout
    assert "  pre_start 20-check       is there room on the disk?\n" in said
    assert "                           limit 30 s, on failure abort\n" in said
    assert "  outer                    ask the app, then the other command\n" in said
    assert "  inner\n" in said
    assert "sesame" not in said
    assert max(len(line) for line in said.splitlines() if str(release.root) not in line) <= 80
