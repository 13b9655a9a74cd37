"""Which libraries an interpreter has inside, by what its modules say."""

from __future__ import annotations

import pytest

from releaser.build.interpreter.linked_in import from_answers, is_copyleft

STANDALONE = {
    "_bz2": "",
    "_ctypes": "",
    "_curses": "6.3",
    "_decimal": "2.5.0",
    "_sqlite3": "3.38.5",
    "_ssl": "OpenSSL 3.0.16 11 Feb 2025",
    "pyexpat": "expat_2.4.7",
    "readline": "EditLine wrapper",
    "zlib": "1.2.12",
}
"""What a standalone build answers."""


def versions(answers: dict[str, str], *shared: str) -> dict[str, str]:
    return {library.name: library.version for library in from_answers(answers, shared)}


def test_what_no_shared_library_accounts_for_is_inside() -> None:
    assert versions(STANDALONE) == {
        "bzip2": "",
        "expat": "2.4.7",
        "libedit": "",
        "libffi": "",
        "mpdecimal": "2.5.0",
        "ncurses": "6.3",
        "openssl": "3.0.16",
        "sqlite": "3.38.5",
        "zlib": "1.2.12",
    }


def test_what_lies_beside_it_as_a_shared_library_is_not_inside() -> None:
    shared = ("libbz2.so.1.0", "libcrypto.so.3", "libssl.so.3", "libffi.so.8", "libncursesw.so.6", "libz.so.1")
    left = {"expat", "libedit", "mpdecimal", "sqlite"}
    assert set(versions(STANDALONE, *shared)) == left


@pytest.mark.parametrize(
    ("module", "answer", "name", "version", "licence"),
    [
        ("_ssl", "OpenSSL 1.1.1o  3 May 2022", "openssl", "1.1.1o", "OpenSSL"),
        ("_ssl", "OpenSSL 3.5.4 30 Sep 2025", "openssl", "3.5.4", "Apache-2.0"),
        ("_ssl", "LibreSSL 3.9.2", "libressl", "3.9.2", "OpenSSL AND ISC"),
        ("zlib", "1.3.1.zlib-ng", "zlib-ng", "", "Zlib"),
        ("readline", "8.2", "readline", "8.2", "GPL-3.0-or-later"),
        ("_dbm", "Berkeley DB", "berkeley-db", "", "AGPL-3.0-only OR Sleepycat"),
        ("_dbm", "GNU gdbm", "gdbm", "", "GPL-3.0-or-later"),
    ],
)
def test_the_answer_tells_which_of_its_kind_it_is(
    module: str, answer: str, name: str, version: str, licence: str
) -> None:
    (found,) = from_answers({module: answer}, ())
    assert (found.name, found.version, found.licence) == (name, version, licence)
    assert is_copyleft(found) == ("GPL" in licence)


def test_it_has_the_name_of_the_vulnerability_databases_where_its_version_is_known() -> None:
    found = {library.name: library.cpe for library in from_answers(STANDALONE, ())}
    assert found["openssl"] == "cpe:2.3:a:openssl:openssl:3.0.16:*:*:*:*:*:*:*"
    assert found["bzip2"] == ""
    assert found["mpdecimal"] == ""


def test_a_module_that_is_not_there_has_nothing_inside() -> None:
    assert from_answers({}, ()) == ()
