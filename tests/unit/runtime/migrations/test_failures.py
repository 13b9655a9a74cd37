"""How a password is taken out of what drivers say."""

from __future__ import annotations

import pytest

from releaser.runtime.migrations.failures import Secret


@pytest.mark.parametrize(
    ("password", "told", "shown"),
    [
        ("m", "Table 'mig.nowhere' doesn't exist", "Table 'mig.nowhere' doesn't exist"),
        ("m", "cannot connect to x://u:m@h/d", "cannot connect to x://u:***@h/d"),
        ("m", "invalid dsn: password=m host=h", "invalid dsn: password=*** host=h"),
        ("m", "invalid dsn: password='m' host=h", "invalid dsn: password='***' host=h"),
        ("m", "Access denied, passwd: m", "Access denied, passwd: ***"),
        ("m", 'no such word: "m"', 'no such word: "***"'),
        ("p.t", "pat p.t 'p.t'", "pat p.t '***'"),
        ("shop", 'relation "shop_items" of database "shop"', 'relation "shop_items" of database "shop"'),
        ("shop", "x://shop:shop@h/shop", "x://shop:***@h/shop"),
        ("correct horse", "it said correct horse twice", "it said *** twice"),
        ("", "nothing: ''", "nothing: ''"),
    ],
)
def test_a_password_is_blotted_out_where_it_stands_as_one(password: str, told: str, shown: str) -> None:
    assert Secret(password, ["shop", "u", "h"]).blotted(told) == shown
