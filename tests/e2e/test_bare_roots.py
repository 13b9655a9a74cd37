"""The guestbook's release on hosts that have next to nothing: a C library, a shell, certificates, time zones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.built import Project, Site, release_below
from support.roots import put_busybox, put_glibc, put_musl
from support.running import Release, ended
from support.tls import make_authority, serving_tls
from support.waiting import eventually

STORES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # RHEL, Amazon Linux
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD's
)
ASK = """
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
try:
    print(opener.open({url!r}, timeout=60).read().decode())
except OSError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def with_glibc(project: Project, tmp_path: Path) -> Iterator[Release]:
    """The prod release in a root with glibc, and with busybox for the shell that the launcher is run by."""
    root = tmp_path / "root"
    put_busybox(root)
    put_glibc(root)
    with ended(release_below(root, project.root / "_build/prod/rel/app", tmp_path / "scratch")) as release:
        yield release


def live(release: Release) -> None:
    """Start a release, with its hooks and migrations, ask it, stop it, and see that nothing is left."""
    site = Site(release)
    running = release.foreground()
    assert "[pre_start 20-pre_start] " in running.output() + running.errors()
    assert "Migrations ran successfully" in running.output() + running.errors()
    site.sign("Ada", "From next to nothing")
    assert "From next to nothing" in site.page()
    counted = release.run("rpc", "guestbook.release.tasks:count")
    assert (counted.returncode, counted.stdout) == (0, "1\n"), counted.stderr
    migrated = release.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert "at 0004 (head)" in migrated.stdout + migrated.stderr
    assert release.run("stop").returncode == 0
    assert running.wait() == 0, running.errors()
    assert "Traceback" not in running.errors()
    eventually(lambda: release.leftovers() == [])


def test_it_lives_where_nothing_but_glibc_and_a_shell_is(with_glibc: Release) -> None:
    live(with_glibc)


def test_with_its_own_c_library_it_lives_on_a_host_with_musl(anywhere: Path, tmp_path: Path) -> None:
    put_busybox(tmp_path / "root")
    put_musl(tmp_path / "root")
    with ended(release_below(tmp_path / "root", anywhere, tmp_path / "scratch")) as release:
        live(release)


def test_without_its_own_c_library_it_says_on_a_host_with_musl_what_it_needs(project: Project, tmp_path: Path) -> None:
    put_busybox(tmp_path / "root")
    put_musl(tmp_path / "root")
    with ended(release_below(tmp_path / "root", project.root / "_build/prod/rel/app", tmp_path / "scratch")) as release:
        for command in ("foreground", "describe"):
            told = release.run(command)
            assert told.returncode == 3
            assert "error: app 1.0.0 needs glibc 2." in told.stderr
            assert "or newer, and this host has none, or an older one\n  now: nothing was started\n" in told.stderr
            assert "or with include_libc = true" in told.stderr


def test_the_certificates_of_the_host_are_found_wherever_it_keeps_them(with_glibc: Release, tmp_path: Path) -> None:
    authority, certificate = make_authority(tmp_path)
    root = tmp_path / "root"
    with serving_tls(certificate) as url:
        code = ASK.format(url=url)
        without = with_glibc.run("eval", code)
        assert without.returncode == 1
        assert "CERTIFICATE_VERIFY_FAILED" in without.stderr
        for store in STORES:
            path = root / store.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(authority, path)
            answer = with_glibc.run("eval", code)
            assert (answer.returncode, answer.stdout) == (0, "served by TLS\n"), f"{store}: {answer.stderr}"
            path.unlink()
        shutil.copy(authority, root / "own.pem")
        shutil.copy(authority, path)
        path.write_text("no certificate is in here\n")
        chosen = with_glibc.run("eval", code, env={**with_glibc.env, "SSL_CERT_FILE": "/own.pem"})
        assert (chosen.returncode, chosen.stdout) == (0, "served by TLS\n"), chosen.stderr


def test_time_zones_come_along_and_those_of_the_host_come_first(with_glibc: Release, tmp_path: Path) -> None:
    code = "import zoneinfo, datetime; print(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Oslo')))"
    brought = with_glibc.run("eval", code)
    assert brought.stdout == "2026-07-01 00:00:00+02:00\n", brought.stderr
    zone = Path("/usr/share/zoneinfo/Europe/Oslo")
    if not zone.exists():
        pytest.skip("no time zones here")
    (tmp_path / "root/usr/share/zoneinfo/Europe").mkdir(parents=True)
    shutil.copy("/usr/share/zoneinfo/Asia/Tokyo", tmp_path / "root/usr/share/zoneinfo/Europe/Oslo")
    answer = with_glibc.run("eval", code)
    assert answer.stdout == "2026-07-01 00:00:00+09:00\n", answer.stderr
