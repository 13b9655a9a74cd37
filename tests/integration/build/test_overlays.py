"""Overlays: each kind in the finished release, and everything that is refused before anything slow runs."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from support.builds import built, files_in, manifest_of, recorded_in, releaser
from support.tiny_project import CONFIG, make_tiny_project

OVERLAYS = """
[environment.prod]
overlay_vars = { port = 8000, support = "ops@example.org" }

[[environment.prod.overlays]]
template = "rel/overlays/motd.txt.j2"
to = "share/motd.txt"

[[environment.prod.overlays]]
copy = "rel/overlays/public/**/*.css"
to = "share/css"

[[environment.prod.overlays]]
copy = "rel/overlays/tree"
to = "share/tree"

[[environment.prod.overlays]]
copy = "rel/overlays/tool.sh"
to = "tools/"
mode = "0755"

[[environment.prod.overlays]]
mkdir = "share/empty"

[[environment.prod.overlays]]
link = "/var/lib/tiny"
to = "share/state"

[[environment.prod.overlays]]
link = "tools/tool.sh"
to = "share/deep/tool"

[[environment.prod.overlays]]
chmod = "share/tree/*.sh"
mode = "0755"
"""


def with_overlays(project: Path, text: str = OVERLAYS) -> Path:
    make_tiny_project(project, config=CONFIG.replace("[environment.prod]\n", text))
    files = {
        "motd.txt.j2": "{{ release_name }} {{ release_version }} for {{ release_environment }} on {{ port }}\n",
        "public/a.css": "a",
        "public/deep/er/b.css": "b",
        "public/c.txt": "c",
        "tree/.hidden": "h",
        "tree/run.sh": "#!/bin/sh\n",
        "tree/plain.txt": "p",
        "tree/.env": "SECRET=1",
        "tree/.git/config": "x",
        "tool.sh": "#!/bin/sh\n",
    }
    for name, content in files.items():
        path = project / "rel/overlays" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_overlays(tmp_path_factory.mktemp("overlays") / "project")


@pytest.fixture(scope="module")
def release(project: Path) -> Path:
    return built(project)


def test_every_kind_of_overlay_is_in_the_release_and_in_the_manifest(release: Path) -> None:
    version = release / "releases/1.0.0"
    share = {name: content for name, content in files_in(version).items() if name.startswith(("share/", "tools/"))}
    assert share == {
        "share/motd.txt": b"tiny 1.0.0 for prod on 8000\n",
        "share/css/a.css": b"a",
        "share/css/deep/er/b.css": b"b",
        "share/tree/.hidden": b"h",
        "share/tree/run.sh": b"#!/bin/sh\n",
        "share/tree/plain.txt": b"p",
        "share/state": b"/var/lib/tiny",
        "share/deep/tool": b"../../tools/tool.sh",
        "tools/tool.sh": b"#!/bin/sh\n",
    }
    assert (version / "share/empty").is_dir()
    assert (version / "share/deep/tool").resolve() == version / "tools/tool.sh"
    modes = {name: (version / name).stat().st_mode & 0o777 for name in ("tools/tool.sh", "share/tree/run.sh")}
    assert modes == {"tools/tool.sh": 0o755, "share/tree/run.sh": 0o755}
    assert (version / "share/tree/plain.txt").stat().st_mode & 0o777 == 0o644
    assert {"share/motd.txt", "share/css/a.css", "tools/tool.sh"} <= set(recorded_in(version))


def test_overlays_travel_in_the_archive(release: Path) -> None:
    with tarfile.open(release.parents[1] / "tiny-1.0.0.tar.gz") as archive:
        names = set(archive.getnames())
    assert {"tiny/releases/1.0.0/share/motd.txt", "tiny/releases/1.0.0/share/empty"} <= names


def test_secrets_in_an_overlay_are_left_out_and_named(project: Path, release: Path) -> None:
    told = releaser(project, "plan")
    assert "2 warnings:" in told.stderr
    assert "rel/overlays/tree/.env: left out" in told.stderr
    assert "rel/overlays/tree/.git: left out" in told.stderr


def test_the_same_overlays_give_the_same_bytes_elsewhere(release: Path, tmp_path: Path) -> None:
    other = built(with_overlays(tmp_path / "other"))
    assert files_in(other) == files_in(release)


def test_in_dev_mode_copied_overlays_are_links_and_edits_are_live(tmp_path: Path) -> None:
    text = OVERLAYS.replace("[environment.prod]\n", "[environment.prod]\ndev_mode = true\n")
    project = with_overlays(tmp_path / "project", text)
    version = built(project) / "releases/1.0.0"
    (project / "rel/overlays/tree/plain.txt").write_text("edited")
    assert (version / "share/tree/plain.txt").read_text() == "edited"
    assert (version / "tools/tool.sh").stat().st_mode & 0o100, "a mode that the source has not needs a copy"
    assert not (version / "share/tree").is_symlink()
    assert not (version / "share/tree/.env").exists()


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ("{ copy = 'rel/none.txt', to = 'a' }", "there is no rel/none.txt"),
        ("{ copy = 'rel/none/*.txt', to = 'a' }", "nothing matches rel/none/*.txt"),
        ("{ template = 'rel/overlays/tree', to = 'a' }", "expected a template, and rel/overlays/tree is a folder"),
        ("{ copy = 'backend.py', to = 'manifest.json' }", "'manifest.json' would take the place of a file"),
        ("{ copy = 'backend.py', to = 'tiny.pyz' }", "'tiny.pyz' would take the place of a file"),
        ("{ copy = 'backend.py', to = 'hooks/pre_start.d/1' }", "'hooks/pre_start.d/1' would take the place of a file"),
        ("{ copy = 'backend.py', to = '../a' }", "'../a' leads out of the version's folder"),
        ("{ copy = 'backend.py', to = '/a' }", "expected a relative path, found '/a'"),
        (
            "{ link = '/etc', to = 'a' }, { copy = 'backend.py', to = 'a/b' }",
            "'a/b' would lie below 'a', which is a link",
        ),
        ("{ copy = 'backend.py', to = 'a' }, { mkdir = 'a' }", "an overlay before this one makes 'a' already"),
        ("{ chmod = 'a/*', mode = '0755' }", "no overlay before this one makes a file 'a/*'"),
        ("{ copy = 'out', to = 'a' }", "out/link is a link that leads out of the project"),
        ("{ copy = 'odd', to = 'a' }", "odd/\\xff.txt has a name that is not UTF-8"),
        ("{ template = 'bad.j2', to = 'a' }", "bad.j2:2: the variable 'nobody' is not defined"),
    ],
)
def test_what_cannot_be_placed_is_told_before_anything_is_built(tmp_path: Path, overlay: str, told: str) -> None:
    project = with_overlays(tmp_path, f"[environment.prod]\noverlays = [{overlay}]\n")
    (project / "out").mkdir()
    (project / "out/link").symlink_to("/etc/passwd")
    (project / "odd").mkdir()
    Path(os.fsdecode(os.fsencode(project / "odd") + b"/\xff.txt")).write_text("")
    (project / "bad.j2").write_text("fine\n  {{ nobody }}\n")
    answer = releaser(project, "build")
    assert answer.returncode == 3
    assert told in answer.stderr
    assert "now: nothing was built" in answer.stderr
    assert not (project / "_build").exists()


def test_secrets_in_a_folder_of_hooks_and_in_the_projects_wheel_are_left_out_and_named(tmp_path: Path) -> None:
    hooks = '[environment.prod]\nhooks = { pre_start = "rel/hooks" }\n'
    project = make_tiny_project(tmp_path, config=CONFIG.replace("[environment.prod]\n", hooks))
    (project / "rel/hooks").mkdir()
    for name in ("rel/hooks/check", "rel/hooks/.env", "rel/hooks/id_rsa", "src/tiny/data/.env", "src/tiny/server.pem"):
        (project / name).write_text("#!/bin/sh\n")
    answer = releaser(project, "build")
    assert answer.returncode == 0, answer.stderr
    assert "4 warnings:" in answer.stderr
    for name in ("rel/hooks/.env", "rel/hooks/id_rsa", "tiny/data/.env", "tiny/server.pem"):
        assert f"  {name}: left out" in answer.stderr
    release = project / "_build/prod/rel/tiny"
    assert [hook["name"] for hook in manifest_of(release)["hooks"]] == ["20-check"]
    import zipfile

    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as bundle:
        names = bundle.namelist()
    assert "site-packages/tiny/data/greeting.txt" in names
    assert not [name for name in names if name.endswith((".env", "server.pem"))]
    record = next(name for name in names if name.endswith("dist-info/RECORD"))
    with zipfile.ZipFile(release / "releases/1.0.0/tiny.pyz") as bundle:
        assert ".env" not in bundle.read(record).decode()
