from __future__ import annotations

from pathlib import Path

import pytest
from support.driving import instance, run
from support.handmade import Handmade, write_release

TASKS = """
import asyncio, os, sys
def echo(*words): return " ".join(words)
def fails(): raise ValueError("no luck")
def leaves(): sys.exit(6)
def variables(*names): return {name: os.environ.get(name) for name in names}
async def slept():
    await asyncio.sleep(0)
    return "slept"
def noisy():
    from releaser.runtime import progress
    progress.write("step\\n")
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Handmade:
    return write_release(
        tmp_path_factory.mktemp("r"),
        modules={"shop/__init__.py": "", "shop/tasks.py": TASKS},
        env={"WORKERS": "${CORES:-2}"},
        required_env=["DATABASE_URL"],
    )


def evaluate(release: Handmade, *words: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    done = run(release.command("eval", *words), stdin=stdin, environ={"DATABASE_URL": "x", **environ})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "stdout"),
    [
        (["1 + 1"], "2\n"),
        (["  'a' + 'b'"], "ab\n"),
        (["None"], ""),
        (["{1}"], "{1}\n"),
        (["[True, None]"], "[true, null]\n"),
        (["--json", "None"], "null\n"),
        (["x = 2\nprint(x * 3)"], "6\n"),
        (["import sys; print(sys.argv)", "a", "-b"], "['-c', 'a', '-b']\n"),
        (["shop.tasks:echo", "a", "b"], "a b\n"),
        (["--json", "shop.tasks:echo", '"a"'], '"a"\n'),
        (["shop.tasks:slept"], "slept\n"),
        (["__import__('shop.tasks').tasks.slept()"], "slept\n"),
        (["def f():\n    return g()\ndef g():\n    return 5\nprint(f())"], "5\n"),
        (["__name__"], "__main__\n"),
        (["import asyncio\nprint(await asyncio.sleep(0, 'slept'))"], "slept\n"),
        (["await __import__('shop.tasks').tasks.slept()"], "slept\n"),
        (["--", "-1"], "-1\n"),
    ],
)
def test_the_value_is_printed(release: Handmade, words: list[str], stdout: str) -> None:
    assert evaluate(release, *words) == (0, stdout, "")


def test_code_may_come_from_a_file_or_from_standard_input(release: Handmade, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("import sys\nprint(sys.argv[1:])\n")
    assert evaluate(release, "--file", str(path), "a") == (0, "['a']\n", "")
    assert evaluate(release, f"--file={path}", "--json") == (0, "['--json']\n", "")
    assert evaluate(release, "-", stdin="2 * 21\n") == (0, "42\n", "")
    assert evaluate(release, "--json", "-", "x", stdin="import sys\nprint(sys.argv)\n") == (0, "['-', 'x']\n", "")


def test_a_file_is_read_as_python_reads_a_script(release: Handmade, tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_bytes("# coding: latin-1\nprint('\xe4', __file__ == __import__('sys').argv[0])\n".encode("latin-1"))
    assert evaluate(release, "--file", str(path)) == (0, "ä True\n", "")
    path.write_text("def begin():\n    1 / 0\nbegin()\n")
    code, stdout, stderr = evaluate(release, "--file", str(path))
    assert (code, stdout) == (1, "")
    assert stderr.startswith(f'Traceback (most recent call last):\n  File "{path}", line 3, in <module>\n    begin()\n')


def test_progress_goes_to_standard_error(release: Handmade) -> None:
    assert evaluate(release, "shop.tasks:noisy") == (0, "", "step\n")


def test_the_environment_is_the_apps(release: Handmade) -> None:
    names = ["WORKERS", "DATABASE_URL", "RELEASE_NAME", "RELEASE_VERSION", "RELEASE_COMMAND", "RELEASE_ROOT"]
    values = '{"WORKERS": "8", "DATABASE_URL": "x", "RELEASE_NAME": "app", "RELEASE_VERSION": "1.0.0", '
    values += f'"RELEASE_COMMAND": "eval", "RELEASE_ROOT": "{release.root}"}}\n'
    assert evaluate(release, "shop.tasks:variables", *names, CORES="8") == (0, values, "")


def test_an_environment_that_is_not_complete_is_one_failure(release: Handmade) -> None:
    code, stdout, stderr = evaluate(release, "1", DATABASE_URL="")
    assert (code, stdout) == (3, "")
    assert "DATABASE_URL: not set, and listed in required_env" in stderr


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["1 / 0"], 1, ['  File "<eval>", line 1, in <module>', "ZeroDivisionError: division by zero"]),
        (["shop.tasks:fails"], 1, ["in fails", "ValueError: no luck"]),
        (["1 +"], 1, ['  File "<eval>", line 1', "SyntaxError: invalid syntax"]),
        (["shop.tasks:echoo"], 1, ["error: there is no 'echoo' in shop.tasks", "did you mean 'echo'?"]),
        (["shop.tasks:leaves"], 6, []),
        (["exit(8)"], 8, []),
        (["import sys; sys.exit('bye')"], 1, ["bye"]),
        ([], 2, ["error: expected `app eval CODE`"]),
        (["--jsn", "1"], 2, ["error: eval has no option '--jsn'"]),
        (["--file"], 2, ["error: expected `app eval --file PATH`"]),
        (["--file", "/nowhere.py"], 1, ["error: cannot read /nowhere.py: No such file or directory"]),
        (["--json", "{1}"], 1, ["error: JSON cannot hold what the code returned, a value of type set"]),
    ],
)
def test_what_fails_is_told_without_frames_of_ours(
    release: Handmade, words: list[str], code: int, parts: list[str]
) -> None:
    found, stdout, stderr = evaluate(release, *words)
    assert (found, stdout) == (code, "")
    for part in parts:
        assert part in stderr
    assert "/runtime/" not in stderr


def test_eval_does_not_disturb_the_running_app(tmp_path: Path) -> None:
    code = "import threading\ndef main():\n    print('up', flush=True)\n    threading.Event().wait()\n"
    release = write_release(tmp_path, modules={"app.py": code})
    with instance(release) as (process, _):
        assert run(release.command("eval", "6 * 7")).stdout == "42\n"
        assert process.process.poll() is None


class TestConsole:
    def said(self, release: Handmade, text: str) -> tuple[int, str, str]:
        done = run(release.command("console"), stdin=text, environ={"DATABASE_URL": "x"})
        return done.returncode, done.stdout, done.stderr

    def test_statements_run_in_the_bundle(self, release: Handmade) -> None:
        code, stdout, stderr = self.said(release, "import shop.tasks\nshop.tasks.echo('a')\n")
        assert code == 0
        assert "'a'" in stdout
        assert "app 1.0.0 (prod); this is a process of its own, not the running app" in stderr

    def test_exit_ends_it_with_that_code(self, release: Handmade) -> None:
        assert self.said(release, "exit(5)\n")[0] == 5

    def test_words_are_refused(self, release: Handmade) -> None:
        done = run(release.command("console", "x"))
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: expected `app console`, found 'x'")

    def test_nothing_is_written_to_home(self, release: Handmade, tmp_path: Path) -> None:
        run(release.command("console"), stdin="1\n", environ={"DATABASE_URL": "x", "HOME": str(tmp_path)})
        assert list(tmp_path.iterdir()) == []
