"""Which lines of a script name the interpreter of the machine that it was installed on."""

from __future__ import annotations

import pytest

from releaser.build.bundle.programs import calling, without_interpreter


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"#!/usr/bin/env python3\nprint(1)\n", b"print(1)\n"),
        (b"#!/home/me/.venv/bin/python\nprint(1)\n", b"print(1)\n"),
        (b"#!python\nprint(1)\n", b"print(1)\n"),
        (b"#!/bin/sh\n'''exec' '/a long/path/python' \"$0\" \"$@\"\n' '''\nprint(1)\n", b"print(1)\n"),
        (b"#!/usr/bin/python3.12 -I\n", b""),
        (b"#!/bin/sh\nexec python3 -m x\n", None),
        (b"#!/usr/bin/env node\n", None),
        (b"\x7fELF\x02\x01", None),
        (b"", None),
        (b"print(1)\n", None),
    ],
)
def test_a_python_script_loses_the_lines_that_find_its_interpreter(content: bytes, body: bytes | None) -> None:
    assert without_interpreter(content) == body


def test_a_program_calls_an_attribute_of_a_class_too() -> None:
    lines = calling("shop.cli:Shop.main").splitlines()
    assert "from shop.cli import Shop" in lines
    assert lines[-1] == "sys.exit(Shop.main())"
