"""The text of the units: what is in them because of which value."""

from __future__ import annotations

from typing import Any

import pytest

from releaser.runtime.commands import unit
from releaser.runtime.release.manifest import Hook


def service_of(**changes: Any) -> unit.Service:
    values: dict[str, Any] = {
        "name": "shop",
        "environment": "prod",
        "root": "/opt/shop",
        "var": "/opt/shop/var",
        "user": "www",
        "sockets": [("web", "127.0.0.1:8000")],
        "start_s": 60.0,
        "stop_s": 30.0,
    }
    return unit.Service(**(values | changes))


def lines_of(has_socket: bool = False, **changes: Any) -> list[str]:
    return unit.service_unit(service_of(**changes), has_socket=has_socket).split("\n")


def hook_of(event: str, timeout_s: float) -> Hook:
    return Hook(event=event, name="20-a", path="a", call="", timeout_s=timeout_s, on_failure="abort")


def test_limits_exceed_what_the_release_allows_itself() -> None:
    hooks = [hook_of("pre_start", 10.0), hook_of("post_start", 20.0), hook_of("pre_stop", 7.0), hook_of("post_stop", 8)]
    start_s, stop_s = unit.limits(hooks, 60.0, 30.0)
    assert start_s > 10 + 20 + 60
    assert stop_s > 7 + 8 + 30
    assert f"TimeoutStopSec={stop_s + unit.MARGIN_S:.0f}" in lines_of(stop_s=stop_s)


def test_the_service_runs_the_launcher_and_writes_to_var_only() -> None:
    lines = lines_of()
    assert "ExecStart=/opt/shop/bin/shop foreground" in lines
    assert "Type=notify" in lines
    assert "User=www" in lines
    assert [line for line in lines if line.startswith("ReadWritePaths")] == ["ReadWritePaths=/opt/shop/var"]
    assert "PrivateUsers=yes" in lines


@pytest.mark.parametrize(
    ("root", "home", "temporary"),
    [("/opt/shop", "yes", True), ("/home/ada/shop", "read-only", True), ("/var/tmp/shop", "yes", False)],
)
def test_a_release_in_a_home_or_temporary_folder_is_not_hidden_from_itself(
    root: str, home: str, temporary: bool
) -> None:
    lines = lines_of(root=root, var=f"{root}/var")
    assert f"ProtectHome={home}" in lines
    assert ("PrivateTmp=yes" in lines) is temporary


def test_a_low_port_needs_one_capability_unless_systemd_opens_it() -> None:
    low = [("web", "0.0.0.0:80")]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in lines_of(sockets=low)
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" not in lines_of(has_socket=True, sockets=low)
    assert "Requires=shop.socket" in lines_of(has_socket=True, sockets=low)


def test_the_folder_of_a_unix_socket_can_be_written_to() -> None:
    lines = lines_of(sockets=[("web", "unix:/srv/sockets/web.sock"), ("admin", "unix:/run/shop/admin.sock")])
    assert "ReadWritePaths=-/srv/sockets" in lines
    assert "RuntimeDirectory=shop" in lines
    assert "ReadWritePaths=-/run/shop" not in lines


def test_words_that_systemd_would_read_are_escaped() -> None:
    lines = lines_of(root="/opt/100% $shop", var='/opt/a "b"', environ=[("GREETING", 'a "b"')])
    assert 'ExecStart="/opt/100%% $$shop/bin/shop" foreground' in lines
    assert 'ReadWritePaths="/opt/a \\"b\\""' in lines
    assert 'Environment="GREETING=a \\"b\\""' in lines


def test_the_commands_at_the_top_can_be_pasted_into_a_shell() -> None:
    assert lines_of()[1] == "#   install -d -o www -g www /opt/shop/var"
    assert lines_of(var="/opt/the shop's/var")[1] == "#   install -d -o www -g www '/opt/the shop'\\''s/var'"


def test_sockets_are_opened_in_the_order_of_the_release() -> None:
    one = unit.socket_unit(service_of())
    assert "ListenStream=127.0.0.1:8000\nFileDescriptorName=web\n" in one
    two = unit.socket_unit(service_of(sockets=[("admin", "unix:/run/a"), ("web", "[::1]:8000")]))
    assert "ListenStream=/run/a\nListenStream=[::1]:8000\n" in two
    assert "FileDescriptorName" not in two
    assert "SocketUser=www" in two
