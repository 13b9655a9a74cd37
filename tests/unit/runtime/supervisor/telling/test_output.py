"""Lines of the supervisor: written in order, never waited for, dropped only when counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from releaser.runtime.supervisor.telling import output


@pytest.fixture
def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    return reader, writer


def test_lines_come_out_in_the_order_they_were_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = output.Output(writer)
    out.write(b"one\n")
    out.write(b"two\n")
    out.flush()
    assert os.read(reader, 100) == b"one\ntwo\n"
    assert not out.is_waiting


def test_a_pipe_that_nobody_reads_does_not_block_the_writer(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    out = output.Output(writer)
    for _ in range(40):
        out.write(b"x" * 4095 + b"\n")
        out.flush()
    assert out.is_waiting
    assert out.is_full


def test_what_is_dropped_over_the_limit_is_counted_and_said(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = output.Output(writer)
    line = b"x" * 65535 + b"\n"
    for _ in range(output.LIMIT_BYTES // len(line) + 3):
        out.write(line)
    text = b""
    while out.is_waiting:
        out.flush()
        text += os.read(reader, 65536)
    out.write(b"later\n")
    out.flush()
    text += os.read(reader, 65536)
    assert text.endswith(b"[release] 3 lines were dropped: nobody reads this output\nlater\n")


def test_a_reader_that_has_gone_takes_the_queue_with_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.close(reader)
    out = output.Output(writer)
    out.write(b"to nobody\n")
    out.flush()
    assert not out.is_waiting


def test_a_closed_output_lets_the_reader_see_the_end() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    own = output.Output(output.own_description(writer))
    os.close(writer)
    own.write(b"last\n")
    own.finish()
    own.close()
    assert os.read(reader, 100) == b"last\n"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_lines_wait_for_room_on_a_full_disk_and_nobody_waits_for_them(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    full, room = os.open("/dev/full", os.O_WRONLY), os.open(disk, os.O_WRONLY | os.O_CREAT)
    out = output.Output(os.dup(full))
    out.write(b"one\n")
    out.flush()
    assert not out.is_waiting
    out.write(b"x" * output.LIMIT_BYTES)
    out.flush()
    out.finish()
    assert not out.is_full
    os.dup2(room, out.descriptor)
    out.write(b"two\n")
    while out.is_waiting:
        out.flush()
    assert disk.read_bytes() == b"one\n[release] 1 lines were dropped: the disk is full\ntwo\n"
    for descriptor in (full, room, out.descriptor):
        os.close(descriptor)
