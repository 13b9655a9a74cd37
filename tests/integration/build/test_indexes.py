"""What a lock pins is installed from where it says, and nothing else of that name and version is.

Two indexes on loopback have the same version of `torch`, of which the lock means the second one's, as uv's guide for
PyTorch has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.builds import releaser
from support.built import release_in
from support.index import PASSWORD, USER, Index, digest_of, make_wheel, serving
from support.shapes import uv_in

PROJECT = '[project]\nname = "desk"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = ["plain", "torch"]\n'
MAIN = "import plain\nimport torch\n\nif __name__ == '__main__':\n    print(plain.NAME, torch.NAME)\n"
UV = """\
[[tool.uv.index]]
name = "general"
url = "{first}"
default = true

[[tool.uv.index]]
name = "cpu"
url = "{second}"
explicit = true
"""
SOURCES = '[tool.uv.sources]\ntorch = { index = "cpu" }\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """Both of them, and the hashes of what they have."""

    first: Index
    second: Index
    is_reversed: bool = False
    """Whether the second one is named first."""

    def hash_of(self, name: str) -> str:
        folder = self.second.folder if name == "torch" else self.first.folder
        return f"sha256:{digest_of(folder / f'{name}-1.0-py3-none-any.whl')}"


@pytest.fixture
def indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Indexes]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(tmp_path / "first", is_open=True) as first, serving(tmp_path / "second", is_open=True) as second:
        make_wheel(first.folder, "plain")
        make_wheel(first.folder, "torch", says="the general one")
        make_wheel(second.folder, "torch", says="the one for the CPU")
        monkeypatch.setenv("UV_DEFAULT_INDEX", first.url)
        yield Indexes(first=first, second=second)


def of_uv(project: Path, indexes: Indexes) -> Path:
    more = UV.format(first=indexes.first.url, second=indexes.second.url)
    (project / "pyproject.toml").write_text(PROJECT + more + SOURCES)
    uv_in(project, "lock", "--quiet")
    return project


def of_a_file_beside_it(project: Path, indexes: Indexes) -> Path:
    uv_toml = UV.format(first=indexes.first.url, second=indexes.second.url).replace("tool.uv.", "")
    (project / "uv.toml").write_text(uv_toml)
    (project / "pyproject.toml").write_text(PROJECT)
    lock = 'version = 1\nrequires-python = ">=3.11"\n'
    own = '[[package]]\nname = "desk"\nversion = "1.0"\nsource = { virtual = "." }\ndependencies = '
    lock += own + '[{ name = "plain" }, { name = "torch" }]\n'
    for name, index in (("plain", indexes.first), ("torch", indexes.second)):
        lock += (
            f'[[package]]\nname = "{name}"\nversion = "1.0"\nsource = {{ registry = "{index.url}" }}\n'
            f'wheels = [{{ url = "http://127.0.0.1:{index.port}/files/{name}-1.0-py3-none-any.whl", '
            f'hash = "{indexes.hash_of(name)}" }}]\n'
        )
    (project / "uv.lock").write_text(lock)
    return project


def of_a_workspace(project: Path, indexes: Indexes) -> Path:
    more = UV.format(first=indexes.first.url, second=indexes.second.url)
    member = project / "apps" / "desk"
    member.mkdir(parents=True)
    (project / "main.py").rename(member / "main.py")
    (project / "pyproject.toml").write_text(f'[tool.uv.workspace]\nmembers = ["apps/*"]\n{more}')
    (member / "pyproject.toml").write_text(PROJECT + SOURCES)
    uv_in(project, "lock", "--quiet")
    return member


def of_pylock(project: Path, indexes: Indexes) -> Path:
    of_uv(project, indexes)
    uv_in(project, "export", "--quiet", "--no-emit-project", "--format", "pylock.toml", "-o", "pylock.toml")
    (project / "uv.lock").unlink()
    return project


def of_poetry(project: Path, indexes: Indexes) -> Path:
    (project / "pyproject.toml").write_text(PROJECT + "[tool.poetry]\npackage-mode = false\n")
    parts = [
        f'[[package]]\nname = "{name}"\nversion = "1.0"\noptional = false\nfiles = [\n'
        f'    {{file = "{name}-1.0-py3-none-any.whl", hash = "{indexes.hash_of(name)}"}},\n]\n'
        for name in ("plain", "torch")
    ]
    parts.append(f'[package.source]\ntype = "legacy"\nurl = "{indexes.second.url}"\nreference = "cpu"\n')
    (project / "poetry.lock").write_text("\n".join([*parts, '[metadata]\nlock-version = "2.1"\n']))
    return project


def _in_order(indexes: Indexes) -> tuple[tuple[str, Index], ...]:
    """Return the sources of PDM: that which is called pypi takes the default's place, and comes last for uv."""
    ordered = (indexes.second, indexes.first) if indexes.is_reversed else (indexes.first, indexes.second)
    return (("pypi", ordered[0]), ("other", ordered[1]))


def of_pdm(project: Path, indexes: Indexes) -> Path:
    sources = "".join(
        f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{index.url}"\n' for name, index in _in_order(indexes)
    )
    (project / "pyproject.toml").write_text(PROJECT + "[tool.pdm]\ndistribution = false\n" + sources)
    parts = ['[metadata]\ngroups = ["default"]\nlock_version = "4.5.0"\n']
    parts += [
        f'[[package]]\nname = "{name}"\nversion = "1.0"\ngroups = ["default"]\nfiles = [\n'
        f'    {{file = "{name}-1.0-py3-none-any.whl", hash = "{indexes.hash_of(name)}"}},\n]\n'
        for name in ("plain", "torch")
    ]
    (project / "pdm.lock").write_text("\n".join(parts))
    return project


def of_pipenv(project: Path, indexes: Indexes) -> Path:
    sources = [{"name": "pypi", "url": indexes.first.url}, {"name": "cpu", "url": indexes.second.url}]
    packages = {
        name: {"hashes": [indexes.hash_of(name)], "index": index, "version": "==1.0"}
        for name, index in (("plain", "pypi"), ("torch", "cpu"))
    }
    (project / "Pipfile").write_text('[packages]\nplain = "*"\ntorch = { version = "*", index = "cpu" }\n')
    lock = {"_meta": {"sources": sources}, "default": packages, "develop": {}}
    (project / "Pipfile.lock").write_text(json.dumps(lock))
    return project


def of_requirements(project: Path, indexes: Indexes) -> Path:
    lines = [f"--index-url {indexes.first.url}", f"--extra-index-url {indexes.second.url}"]
    lines += [f"{name}==1.0 --hash={indexes.hash_of(name)}" for name in ("plain", "torch")]
    (project / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
    return project


def of_requirements_in_another_order(project: Path, indexes: Indexes) -> Path:
    lines = [f"--index-url {indexes.second.url}", f"--extra-index-url {indexes.first.url}"]
    of_requirements(project, indexes)
    listed = (project / "requirements.txt").read_text().splitlines()[2:]
    (project / "requirements.txt").write_text("".join(f"{line}\n" for line in (*lines, *listed)))
    return project


def of_pdm_in_another_order(project: Path, indexes: Indexes) -> Path:
    return of_pdm(project, Indexes(first=indexes.first, second=indexes.second, is_reversed=True))


@pytest.mark.parametrize(
    "locked",
    [
        of_uv,
        of_a_file_beside_it,
        of_a_workspace,
        of_pylock,
        of_poetry,
        of_pdm,
        of_pipenv,
        of_requirements,
        of_requirements_in_another_order,
        of_pdm_in_another_order,
    ],
    ids=lambda locked: locked.__name__.removeprefix("of_"),
)
def test_the_same_version_on_two_indexes_is_taken_from_the_one_that_the_lock_means(
    indexes: Indexes, tmp_path: Path, locked: Callable[[Path, Indexes], Path]
) -> None:
    top = tmp_path / "project"
    top.mkdir()
    (top / "main.py").write_text(MAIN)
    project = locked(top, indexes)

    written = releaser(project, "init")
    assert written.returncode == 0, written.stderr
    done = releaser(project, "build")

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "* install 2 locked dependencies from" in done.stdout
    (root,) = (project / "_build/dev/rel").iterdir()
    release = release_in(root, tmp_path / "scratch")
    release.name = root.name
    running = release.foreground(until="")
    assert running.wait() == 0, running.errors()
    assert "plain the one for the CPU\n" in running.output()


def test_what_is_locked_with_a_password_is_built_with_it_and_the_lock_does_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("INNER_PASSWORD", PASSWORD)
    project = tmp_path / "project"
    make_wheel(tmp_path / "wheels", "linked")
    (project / "libs/shared/shared").mkdir(parents=True)
    (project / "libs/shared/shared/__init__.py").write_text("WORD = 'shared'\n")
    (project / "libs/shared/setup.py").write_text(
        "from setuptools import setup\n\nsetup(name='shared', version='1', packages=['shared'])\n"
    )
    (project / "main.py").write_text(
        "import deep\nimport linked\nimport shared\n\n"
        "if __name__ == '__main__':\n    print(deep.NAME, shared.WORD, linked.NAME)\n"
    )
    with serving(tmp_path / "served") as index:
        make_wheel(index.folder, "plain", "deep")
        make_wheel(index.folder, "deep")
        url = index.url_with_password.replace(f"{USER}:{PASSWORD}", f"{USER}:${{INNER_PASSWORD}}")
        (project / "requirements.txt").write_text(
            f"--extra-index-url {url}\n--find-links ../wheels\nplain\n./libs/shared\nlinked\n"
        )
        assert releaser(project, "init").returncode == 0
        locked = releaser(project, "lock")
        assert locked.returncode == 0, locked.stderr
        lock = (project / "pylock.toml").read_text()
        again = releaser(project, "lock")
        done = releaser(project, "build")
        assert done.returncode == 0, done.stderr

    assert again.stdout.splitlines()[-1] == "pylock.toml is as it was: 4 packages with hashes"
    assert [text for text in (PASSWORD, str(tmp_path), "file:") if text in lock] == []
    release = release_in(project / "_build/dev/rel/project", tmp_path / "scratch")
    release.name = "project"
    running = release.foreground(until="")
    assert running.wait() == 0, running.errors()
    assert "deep shared linked\n" in running.output()
