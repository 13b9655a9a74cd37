"""Whom a host believes: signatures asked for by `unpack` and `verify`, and what is put back by `--repair`."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.builds import files_in, releaser
from support.handmade import write_record
from support.running import Release
from support.signed import allow, make_key, signed_copy

from releaser.artifacts.checksums import checksums_file, checksums_of
from releaser.artifacts.signatures import sign

Archive = Callable[..., Path]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path, "ada")


@pytest.fixture
def signed(archive: Archive, tmp_path: Path, key: Path) -> Path:
    """Version 2.0.0, signed by ada."""
    return signed_copy(archive("2.0.0", "two"), tmp_path / "sent", key)


def refused(release: Release, *words: str) -> str:
    """Return what `unpack` says; it ends with 3, and changes nothing."""
    before = files_in(release.root)
    answer = release.run("unpack", *words)
    assert (answer.returncode, answer.stdout) == (3, ""), answer.stderr
    assert "now: nothing was unpacked: it is taken only if somebody in " in answer.stderr
    assert files_in(release.root) == before
    return answer.stderr


def test_a_host_with_a_list_of_signers_takes_what_they_signed_and_nothing_else(
    release: Release, archive: Archive, signed: Path, key: Path, tmp_path: Path
) -> None:
    allow(release.root / "allowed_signers", ada=key)
    told = refused(release, str(archive("2.0.0", "two")))
    assert "is not signed: there is no tiny-2.0.0.sha256.sig beside it" in told
    other = signed_copy(archive("2.0.0", "two"), tmp_path / "others", make_key(tmp_path, "eve"))
    assert "is signed with a key that" in refused(release, str(other))
    answer = release.run("unpack", str(signed))
    assert answer.returncode == 0, answer.stderr
    assert "tiny 2.0.0 is unpacked" in answer.stdout
    assert "  signed by ada@example.org with ED25519 SHA256:" in answer.stdout


def test_a_list_can_be_named_once_with_the_one_who_must_have_signed(
    release: Release, signed: Path, key: Path, tmp_path: Path
) -> None:
    allowed = allow(tmp_path / "list", ada=key, eve=make_key(tmp_path, "eve"))
    words = ("--allowed-signers", str(allowed), "--identity")
    assert "no good signature of eve@example.org" in refused(release, *words, "eve@example.org", str(signed))
    assert release.run("unpack", *words, "ada@example.org", str(signed)).returncode == 0


def change_the_archive(archive: Path) -> None:
    with archive.open("ab") as file:
        file.write(b"more")


def change_the_checksums(archive: Path) -> None:
    change_the_archive(archive)
    checksums_file(archive).write_text(checksums_of([archive, checksums_file(archive).with_suffix(".mtree")]))


def take_the_checksums_away(archive: Path) -> None:
    checksums_file(archive).unlink()


def make_them_large(archive: Path) -> None:
    checksums_file(archive).write_bytes(bytes(2_000_000))


def rename_the_archive(archive: Path) -> None:
    for path in list(archive.parent.iterdir()):
        path.rename(path.with_name(path.name.replace("2.0.0", "2.0.1")))
    shutil.copy2(archive.with_name("tiny-2.0.1.tar.gz"), archive)
    for ending in ("sha256", "sha256.sig"):
        shutil.copy2(archive.with_name(f"tiny-2.0.1.{ending}"), archive.with_name(f"tiny-2.0.0.{ending}"))
    archive.rename(archive.with_name("tiny-2.0.0.tar"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_the_archive, "tiny-2.0.0.tar.gz is not what was signed: its checksum is another one"),
        (change_the_checksums, "tiny-2.0.0.sha256 has no good signature of ada@example.org"),
        (take_the_checksums_away, "is not signed: there is no tiny-2.0.0.sha256 beside it"),
        (make_them_large, "is larger than a megabyte"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(
    release: Release, signed: Path, key: Path, change: Callable[[Path], None], said: str
) -> None:
    allow(release.root / "allowed_signers", ada=key)
    change(signed)
    assert said in refused(release, str(signed))


def test_checksums_that_were_signed_without_the_record_do_not_vouch(release: Release, signed: Path, key: Path) -> None:
    allow(release.root / "allowed_signers", ada=key)
    checksums_file(signed).write_text(checksums_of([signed]))
    sign(checksums_file(signed), key)
    assert "is not vouched for: tiny-2.0.0.mtree is not in tiny-2.0.0.sha256" in refused(release, str(signed))


def test_a_record_that_is_not_the_signed_one_is_refused(release: Release, signed: Path, key: Path) -> None:
    allow(release.root / "allowed_signers", ada=key)
    checksums_file(signed).with_suffix(".mtree").write_text("#mtree\n")
    checksums_file(signed).write_text(checksums_of([signed, checksums_file(signed).with_suffix(".mtree")]))
    sign(checksums_file(signed), key)
    assert "its record is not the one that the checksums beside it name" in release.run("unpack", str(signed)).stderr


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_list_that_others_may_write_to_is_not_believed(release: Release, signed: Path, key: Path, mode: int) -> None:
    allow(release.root / "allowed_signers", ada=key).chmod(mode)
    assert "others than its owner may write to it" in refused(release, str(signed))


def test_a_list_that_leads_nowhere_does_not_mean_that_everybody_is_believed(release: Release, signed: Path) -> None:
    (release.root / "allowed_signers").symlink_to("gone")
    assert "cannot read" in refused(release, str(signed))


def test_without_ssh_keygen_nothing_is_taken(release: Release, signed: Path, key: Path, tmp_path: Path) -> None:
    allow(release.root / "allowed_signers", ada=key)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("readlink", "sh"):
        (tools / name).symlink_to(shutil.which(name) or name)
    answer = release.run("unpack", str(signed), env={**release.env, "PATH": str(tools)})
    assert answer.returncode == 1
    assert "ssh-keygen was not found on PATH" in answer.stderr
    assert not (release.root / "releases/2.0.0").exists()


def test_what_vouches_for_a_version_stays_with_it_and_verify_asks_for_it(
    release: Release, signed: Path, key: Path
) -> None:
    assert (
        release.run(
            "unpack", "--allowed-signers", str(allow(release.scratch / "list", ada=key)), str(signed)
        ).returncode
        == 0
    )
    assert release.run("upgrade", "2.0.0").returncode == 0
    assert "signed by" not in release.run("verify").stdout
    allow(release.root / "allowed_signers", ada=key)
    answer = release.run("verify")
    assert answer.returncode == 0, answer.stderr
    assert "  signed by ada@example.org with ED25519 SHA256:" in answer.stdout
    # Whoever changes a file and the record of it is found out by the signature.
    (release.root / "releases/2.0.0/runtime/instance/agent.py").write_text("mine\n")
    write_record(release.root, "2.0.0")
    answer = release.run("verify")
    assert answer.returncode == 3
    assert "tiny-2.0.0 is not what was signed: release.mtree is another one" in answer.stderr


def test_a_version_that_came_without_a_signature_gets_it_by_repair(release: Release, signed: Path, key: Path) -> None:
    assert release.run("unpack", str(signed)).returncode == 0
    assert release.run("upgrade", "2.0.0").returncode == 0
    allow(release.root / "allowed_signers", ada=key)
    answer = release.run("verify")
    assert answer.returncode == 3
    assert "tiny-2.0.0 is not signed" in answer.stderr
    assert "`unpack --repair` of its archive puts it there" in answer.stderr
    answer = release.run("unpack", "--repair", str(signed))
    assert answer.returncode == 0, answer.stderr
    assert "  replaced releases/2.0.0/release.sha256.sig\n" in answer.stdout
    assert "signed by ada@example.org" in release.run("verify").stdout
    words = ("verify", str(release.root), "--allowed-signers", str(release.root / "allowed_signers"))
    assert releaser(release.scratch, *words).returncode == 0


def damage(root: Path) -> None:
    """Change a version in every way at once."""
    version = root / "releases/1.0.0"
    (root / "bin/tiny").chmod(0o777)
    (root / "bin/more").write_text("")
    (version / "runtime/instance/agent.py").write_text("mine\n")
    (version / "runtime/supervisor/hooks/hook.py").unlink()
    (version / "runtime/extra").mkdir()
    (version / "runtime/extra/file").write_text("theirs")
    shutil.rmtree(version / "hooks/pre_upgrade.d")
    (version / "hooks/post_upgrade.d").chmod(0o777)
    (version / "tiny.pyz").unlink()
    (version / "tiny.pyz").symlink_to("/etc/hostname")
    (version / "env.sh").write_text("GREETING=kept\n")


def test_repair_puts_back_what_differs_and_leaves_env_sh_alone(release: Release, archive: Archive) -> None:
    before = files_in(release.root) | {"releases/1.0.0/env.sh": b"GREETING=kept\n"}
    damage(release.root)
    answer = release.run("verify")
    assert answer.returncode == 1
    path = str(archive("1.0.0", "one"))
    for line in answer.stderr.splitlines()[1:-2]:
        assert line.strip().startswith(("bin/", "releases/1.0.0/")), line
    assert "`tiny unpack --repair tiny-1.0.0.tar.gz` puts back what was changed or is missing" in answer.stderr
    answer = release.run("unpack", path)
    assert answer.returncode == 1
    assert "is there already, the same build, and is not as it was built" in answer.stderr
    assert f"`tiny unpack --repair {shlex.quote(path)}` puts back what was changed or is missing" in answer.stderr
    answer = release.run("unpack", "--repair", path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("tiny 1.0.0: what differs is as it was built again\n")
    assert "  replaced releases/1.0.0/runtime/instance/agent.py\n" in answer.stdout
    left = ("bin/more", "releases/1.0.0/runtime/extra")
    for name in left:
        assert f"  left {name}, which is not part of the release\n" in answer.stdout
    assert files_in(release.root) == before | {"bin/more": b"", "releases/1.0.0/runtime/extra/file": b"theirs"}
    answer = release.run("verify")
    assert answer.returncode == 1
    assert "look at what is not part of the release, and move it away if nobody needs it there" in answer.stderr
    for name in left:
        (release.root / name).rename(release.scratch / Path(name).name)
    answer = release.run("verify")
    assert answer.returncode == 0, answer.stderr
    assert "releases/1.0.0/env.sh was edited on this host" in answer.stdout
    assert release.run("unpack", "--repair", path).stdout == (
        "tiny 1.0.0 is there already, the same build; nothing was changed\n"
    )


def of_the_bundle(release: Release) -> Path:
    (bundle,) = (path for path in (release.var / "bundles").iterdir() if not path.name.startswith("."))
    return bundle


def in_site_packages(release: Release, name: str) -> Path:
    (found,) = of_the_bundle(release).glob(f"lib/python3.*/site-packages/{name}")
    return found


CODE = f"tiny/__pycache__/app.{sys.implementation.cache_tag}.pyc"
BUNDLE_CHANGES: dict[str, tuple[Callable[[Release], object], str]] = {
    "code": (lambda release: in_site_packages(release, CODE).write_bytes(b"mine"), f"{CODE}: changed"),
    "more code": (
        lambda release: (in_site_packages(release, "tiny") / "more.py").write_text(""),
        "tiny/more.py: not part of the release",
    ),
    "less": (lambda release: in_site_packages(release, CODE).unlink(), f"{CODE}: missing"),
    "rights": (
        lambda release: in_site_packages(release, CODE).chmod(0o666),
        f"{CODE}: its mode is 0666, and was 0644",
    ),
    "a folder of anybody's": (
        lambda release: in_site_packages(release, "tiny").chmod(0o777),
        "tiny: others may write to it (mode 0777)",
    ),
    "its python": (
        lambda release: (
            (of_the_bundle(release) / "bin/python").unlink(),
            (of_the_bundle(release) / "bin/python").symlink_to("/bin/sh"),
        ),
        "bin/python: changed",
    ),
    "its configuration": (
        lambda release: (of_the_bundle(release) / "pyvenv.cfg").write_text("home = /tmp\n"),
        "pyvenv.cfg: changed",
    ),
}


@pytest.mark.parametrize(("change", "said"), BUNDLE_CHANGES.values(), ids=list(BUNDLE_CHANGES))
def test_the_unpacked_bundle_is_what_runs_and_is_compared(
    release: Release, change: Callable[[Release], object], said: str
) -> None:
    assert release.run("eval", "1").returncode == 0
    answer = release.run("verify")
    assert answer.returncode == 0, answer.stderr
    assert "the unpacked bundle is that of tiny.pyz: " in answer.stdout
    assert releaser(release.scratch, "verify", str(release.root)).returncode == 0
    change(release)
    answer = release.run("verify")
    assert answer.returncode == 1
    assert said in answer.stderr
    assert f"remove {of_the_bundle(release)}, `tiny start`: a start unpacks it anew" in answer.stderr
    if said != "bin/python: changed":  # whose interpreter that should be, only the host can tell
        done = releaser(release.scratch, "verify", str(release.root))
        assert done.returncode == 1
        assert said in done.stderr
    shutil.rmtree(of_the_bundle(release))
    assert release.run("eval", "1").returncode == 0
    assert release.run("verify").returncode == 0


def test_what_children_of_the_app_write_beside_their_code_is_nothing_new(release: Release) -> None:
    """Every module of the bundle has its byte code, so a child that may write some has none to write."""
    code = "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import tiny.app']).returncode)"
    assert release.run("eval", code).stdout.endswith("0\n")
    assert release.run("verify").returncode == 0


def test_an_overlay_that_leads_to_the_host_does_not_keep_an_archive_from_being_unpacked(
    release: Release, archive: Archive
) -> None:
    settings = 'sockets = { web = "127.0.0.1:${PORT}" }\noverlays = [{ link = "/var/lib/tiny", to = "share/state" }]\n'
    answer = release.run("unpack", str(archive("2.0.0", "two", settings=settings)))
    assert answer.returncode == 0, answer.stderr
    assert (release.root / "releases/2.0.0/share/state").readlink() == Path("/var/lib/tiny")
    assert release.run("upgrade", "2.0.0").returncode == 0
    assert release.run("verify").returncode == 0


def test_the_launcher_is_one_of_a_version_that_is_here(release: Release, archive: Archive, tmp_path: Path) -> None:
    own = (release.root / "bin/tiny").read_bytes()
    folder = tmp_path / "changed"
    subprocess.run(["tar", "xzf", archive("2.0.0", "two"), "--one-top-level=changed"], cwd=tmp_path, check=True)
    for path in ("bin/tiny", "releases/2.0.0/launcher"):
        (folder / "tiny" / path).write_bytes(own + b"# of a newer releaser\n")
    write_record(folder / "tiny", "2.0.0")
    subprocess.run(
        ["tar", "czf", "two.tar.gz", "--format=gnu", "--sort=name", "-C", "changed", "tiny"], cwd=tmp_path, check=True
    )
    answer = release.run("unpack", str(tmp_path / "two.tar.gz"))
    assert answer.returncode == 0, answer.stderr
    assert "  replaced bin/tiny\n" in answer.stdout
    assert (release.root / "bin/tiny").read_bytes() != own
    assert release.run("verify").returncode == 0
    assert release.run("remove", "2.0.0").returncode == 0
    assert (release.root / "bin/tiny").read_bytes() == own
    assert release.run("verify").returncode == 0


@pytest.mark.parametrize(
    "words", [(), ("a", "b"), ("--repair",), ("--force", "a"), ("--identity", "a"), ("--allowed-signers",)]
)
def test_what_unpack_does_not_take_is_told_with_what_it_takes(release: Release, words: tuple[str, ...]) -> None:
    answer = release.run("unpack", *words)
    assert answer.returncode == 2
    assert (
        "expected `tiny unpack [--allowed-signers FILE [--identity NAME]] [--repair] [--keep-env] FILE`"
        in answer.stderr
    )


def test_somebody_in_the_roots_list_must_have_signed_whatever_other_list_is_named(
    release: Release, signed: Path, key: Path, tmp_path: Path
) -> None:
    allow(release.root / "allowed_signers", eve=make_key(tmp_path, "eve"))
    words = ("--allowed-signers", str(allow(tmp_path / "list", ada=key)))
    assert "is signed with a key that" in refused(release, *words, str(signed))


def test_an_upgrade_asks_for_the_signature_too(release: Release, signed: Path, key: Path) -> None:
    assert release.run("unpack", str(signed)).returncode == 0
    allow(release.root / "allowed_signers", ada=key)
    answer = release.run("upgrade", "2.0.0")
    assert answer.returncode == 3
    assert "tiny-2.0.0 is not signed" in answer.stderr
    assert release.run("version").stdout == "1.0.0\n"
    assert release.run("unpack", "--repair", str(signed)).returncode == 0
    assert release.run("upgrade", "2.0.0").returncode == 0


def test_each_line_of_a_key_counts_by_its_own_options(release: Release, signed: Path, key: Path) -> None:
    public = key.with_suffix(".pub").read_text()
    (release.root / "allowed_signers").write_text(
        f'old@example.org namespaces="git" {public}!eve@example.org,ada@example.org namespaces="releaser" {public}'
    )
    answer = release.run("unpack", str(signed))
    assert answer.returncode == 0, answer.stderr
    assert "  signed by ada@example.org with" in answer.stdout


def test_what_vouches_for_a_version_and_is_gone_is_said_to_be_gone(release: Release, signed: Path, key: Path) -> None:
    allow(release.root / "allowed_signers", ada=key)
    assert release.run("unpack", str(signed)).returncode == 0
    assert release.run("upgrade", "2.0.0").returncode == 0
    signature = release.root / "releases/2.0.0/release.sha256.sig"
    signature.unlink()
    answer = release.run("verify")
    assert answer.returncode == 3
    assert f"tiny-2.0.0 is not signed: cannot read {signature}: No such file" in answer.stderr
    os.mkfifo(signature)
    answer = release.run("verify")
    assert (answer.returncode, "it is no file" in answer.stderr) == (3, True)
    assert release.run("unpack", "--repair", str(signed)).returncode == 0
    assert release.run("verify").returncode == 0


def take_the_record(root: Path) -> None:
    (root / "releases/1.0.0/release.mtree").unlink()


def cut_the_record(root: Path) -> None:
    path = root / "releases/1.0.0/release.mtree"
    path.write_text(path.read_text()[:500])


def pipe_for_the_record(root: Path) -> None:
    take_the_record(root)
    os.mkfifo(root / "releases/1.0.0/release.mtree")


def record_a_change(root: Path) -> None:
    (root / "releases/1.0.0/runtime/supervisor/hooks/hook.py").write_text("mine\n")
    write_record(root)


def damage_the_manifest(root: Path) -> None:
    (root / "releases/1.0.0/manifest.json").write_text("{}")


@pytest.mark.parametrize(
    "change", [take_the_record, cut_the_record, pipe_for_the_record, record_a_change, damage_the_manifest]
)
def test_a_record_or_a_manifest_that_is_damaged_is_put_back(
    release: Release, archive: Archive, change: Callable[[Path], None]
) -> None:
    before = files_in(release.root)
    change(release.root)
    if change is not record_a_change:
        answer = release.run("verify")
        assert answer.returncode in (1, 3)
        assert "unpack --repair" in answer.stderr
    answer = release.run("unpack", "--repair", str(archive("1.0.0", "one")))
    assert answer.returncode == 0, answer.stderr
    assert files_in(release.root) == before
    assert release.run("verify").returncode == 0


def link_all_versions(root: Path) -> None:
    (root / "releases").rename(root.parent / "versions")
    (root / "releases").symlink_to("../versions")


def link_the_version(root: Path) -> None:
    (root / "releases/1.0.0").rename(root.parent / "version")
    (root / "releases/1.0.0").symlink_to("../../version")
    (root / "releases/1.0.0/env.sh").write_text("MINE=1\n")


def put_a_folder_for_a_file(root: Path) -> None:
    path = root / "releases/1.0.0/tiny.pyz"
    path.unlink()
    path.mkdir()
    (path / "data").write_text("theirs")


@pytest.mark.parametrize("change", [link_all_versions, link_the_version, put_a_folder_for_a_file])
def test_repair_takes_no_folder_away_and_follows_no_link(
    release: Release, archive: Archive, change: Callable[[Path], None]
) -> None:
    change(release.root)
    before = files_in(release.root.parent)
    answer = release.run("unpack", "--repair", str(archive("1.0.0", "one")))
    assert answer.returncode == 1
    assert "error: cannot put tiny 1.0.0 into " in answer.stderr
    assert "now: nothing was changed" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert files_in(release.root.parent) == before


def test_a_folder_in_the_place_of_the_launcher_is_found_before_anything_is_moved(
    release: Release, archive: Archive
) -> None:
    (release.root / "bin/tiny").rename(release.scratch / "launcher")
    (release.root / "bin/tiny").mkdir()
    before = files_in(release.root)
    words = [sys.executable, "-I", "-S", "-B", str(release.root / "releases/1.0.0/runtime/__main__.py")]
    words += [str(release.root), "1.0.0", "unpack", str(archive("2.0.0", "two"))]
    answer = subprocess.run(words, capture_output=True, text=True, check=False, env=release.env)
    assert answer.returncode == 1
    assert "bin/tiny: it is a folder, and was built as a file" in answer.stderr
    assert files_in(release.root) == before


def test_what_a_release_writes_to_below_its_root_is_nobody_elses(release: Release, archive: Archive) -> None:
    elsewhere = {**release.env, "RELEASE_VAR": str(release.root / "state")}
    assert release.run("start", env=elsewhere).returncode == 0
    try:
        (release.root / "state/app.db").write_text("rows")
        assert release.run("verify").returncode == 0
        assert releaser(release.scratch, "verify", str(release.root)).returncode == 0
        (release.root / "releases/1.0.0/runtime/instance/agent.py").write_text("mine")
        assert release.run("unpack", "--repair", str(archive("1.0.0", "one"))).returncode == 0
        assert (release.root / "state/app.db").read_text() == "rows"
        assert release.run("ping", env=elsewhere).returncode == 0
    finally:
        assert release.run("stop", env=elsewhere).returncode == 0


def test_another_python_of_the_host_is_no_change(release: Release) -> None:
    assert release.run("eval", "1").returncode == 0
    other = release.scratch / "python3"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    python = of_the_bundle(release) / "bin/python"
    python.unlink()
    python.symlink_to(other)
    (of_the_bundle(release) / "pyvenv.cfg").write_text(
        f"home = {release.scratch}\ninclude-system-site-packages = false\nversion = 3.0\n"
    )
    answer = release.run("verify")
    assert answer.returncode == 0, answer.stderr


WIDE_OPEN: dict[str, tuple[Callable[[Release], object], str]] = {
    "env.sh": (lambda release: (release.root / "releases/1.0.0/env.sh").chmod(0o666), "env.sh: others may write to it"),
    "the root": (lambda release: release.root.chmod(0o777), ".: others may write to it (mode 0777)"),
    "bundles": (lambda release: (release.var / "bundles").chmod(0o777), "..: others may write to it (mode 0777)"),
    "the bundle": (lambda release: of_the_bundle(release).chmod(0o777), ".: others may write to it (mode 0777)"),
    "a bundle elsewhere": (
        lambda release: (
            of_the_bundle(release).rename(release.scratch / "elsewhere"),
            (release.var / "bundles" / json_id(release)).symlink_to(release.scratch / "elsewhere"),
        ),
        ".: it is a link",
    ),
    "a hidden version": (
        lambda release: (release.root / "releases/.evil").mkdir(),
        "releases/.evil: not part of the release",
    ),
    "a version of nobody's": (
        lambda release: (release.root / "releases/x").mkdir(),
        "releases/x: not part of the release",
    ),
}


def json_id(release: Release) -> str:
    return str(json.loads((release.root / "releases/1.0.0/manifest.json").read_text())["bundle"]["id"])


@pytest.mark.parametrize(("change", "said"), WIDE_OPEN.values(), ids=list(WIDE_OPEN))
def test_what_others_may_change_and_what_nobody_built_is_told(
    release: Release, change: Callable[[Release], object], said: str
) -> None:
    assert release.run("eval", "1").returncode == 0
    change(release)
    answer = release.run("verify")
    assert answer.returncode == 1
    assert said in answer.stderr


def test_a_signed_archive_of_zstandard_is_unpacked_by_the_program(
    release: Release, archive: Archive, key: Path, tmp_path: Path
) -> None:
    if shutil.which("zstd") is None:
        assert not os.environ.get("CI"), "CI must have zstd"
        pytest.skip("no zstd here")
    plain = tmp_path / "tiny-2.0.0.tar"
    plain.write_bytes(gzip.decompress(archive("2.0.0", "two").read_bytes()))
    subprocess.run(["zstd", "-q", plain], check=True)
    plain.unlink()
    sent = tmp_path / "sent"
    sent.mkdir()
    packed = Path(shutil.copy2(plain.with_suffix(".tar.zst"), sent))
    record = sent / "tiny-2.0.0.mtree"
    record.write_bytes(
        subprocess.run(
            ["tar", "-xzOf", archive("2.0.0", "two"), "tiny/releases/2.0.0/release.mtree"],
            check=True,
            capture_output=True,
        ).stdout
    )
    checksums_file(packed).write_text(checksums_of([packed, record]))
    sign(checksums_file(packed), key)
    allow(release.root / "allowed_signers", ada=key)
    answer = release.run("unpack", str(packed))
    assert answer.returncode == 0, answer.stderr
    content = bytearray(packed.read_bytes())
    packed.write_bytes(content[:-100])
    (release.root / "allowed_signers").unlink()
    answer = release.run("unpack", str(packed))
    assert answer.returncode == 3
    assert "damaged archive: " in answer.stderr
