"""What `releaser generate` writes, from a plan."""

from __future__ import annotations

from typing import Any

import pytest
from support.planning import ROOT, facts_of, origin_of, profile_of

from releaser.cli.generate import containerfile, procfile, systemd_files
from releaser.config.profile import ProcessSpec
from releaser.errors import UsageError
from releaser.plan.make import make_plan
from releaser.plan.plan import Plan

WEB = {"web": "${HOST:-127.0.0.1}:${PORT:-8000}"}


def plan_of(**changes: Any) -> Plan:
    return make_plan(profile_of(**({"sockets": WEB} | changes)), facts_of())


def test_the_units_are_for_the_folder_of_the_deployment() -> None:
    files = systemd_files(plan_of(stop_timeout_s=40.0), root="/srv/shop/", user="", has_socket=True)
    assert list(files) == ["shop.service", "shop.socket"]
    assert "ExecStart=/srv/shop/bin/shop foreground\n" in files["shop.service"]
    assert "ReadWritePaths=/srv/shop/var\n" in files["shop.service"]
    assert "User=shop\n" in files["shop.service"]
    assert "TimeoutStopSec=55\n" in files["shop.service"]
    assert "ListenStream=127.0.0.1:8000\n" in files["shop.socket"]


def test_an_address_that_only_the_host_knows_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match=r"sockets\.web") as caught:
        systemd_files(plan_of(sockets={"web": "${ADDRESS}"}), root="/opt/shop", user="", has_socket=True)
    assert "bin/NAME generate" in caught.value.hint


def test_a_container_runs_the_archive_as_a_user_and_stops_by_sigterm() -> None:
    lines = containerfile(plan_of(), ROOT).splitlines()
    assert "ADD _build/prod/shop-1.4.0.tar.gz /opt/" in lines
    assert "FROM python:3.11-slim" in lines
    assert "ENV RELEASE_PYTHON=/usr/local/bin/python3.11" in lines
    assert "ENV HOST=0.0.0.0" in lines
    assert "EXPOSE 8000" in lines
    assert lines.index("USER 10001") < lines.index('ENTRYPOINT ["/opt/shop/bin/shop"]')
    assert "STOPSIGNAL SIGTERM" in lines
    assert lines[-1] == 'CMD ["foreground"]'


def test_a_container_with_its_own_python_needs_no_other() -> None:
    text = containerfile(plan_of(include_python=True), ROOT)
    assert "FROM debian:12-slim\n" in text
    assert "RELEASE_PYTHON" not in text


def test_an_address_that_nothing_outside_reaches_is_said() -> None:
    text = containerfile(plan_of(sockets={"web": "127.0.0.1:8000"}), ROOT)
    assert "# sockets.web is 127.0.0.1:8000, which is not reached from outside of a container.\n" in text


@pytest.mark.parametrize("change", [{"dev_mode": True}, {"archive": "tar.zst"}])
def test_what_makes_no_plain_archive_goes_into_no_container(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"makes no tar\.gz"):
        containerfile(plan_of(**change), ROOT)


def test_a_procfile_of_several_processes_gives_each_a_folder_of_its_own() -> None:
    worker = ProcessSpec(entry_point="shop.worker:main", origin=origin_of("release.shop.process.worker"))
    folder = "_build/prod/rel/shop"
    assert procfile(plan_of(process={"worker": worker}), ROOT).splitlines() == [
        f"web: env RELEASE_VAR={folder}/var/main {folder}/bin/shop foreground --only main",
        f"worker: env RELEASE_VAR={folder}/var/worker {folder}/bin/shop foreground --only worker",
    ]


@pytest.mark.parametrize(("sockets", "word"), [(WEB, "web"), ({}, "worker")])
def test_a_procfile_has_a_line_for_the_process(sockets: dict[str, str], word: str) -> None:
    assert procfile(plan_of(sockets=sockets), ROOT) == f"{word}: _build/prod/rel/shop/bin/shop foreground\n"
