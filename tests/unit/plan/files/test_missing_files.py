"""What is wrong with a configuration and which of its files are not there are told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.errors import ConfigError
from releaser.plan.files.missing import read_config_and_see_its_files

TEXT = """\
[release.shop]
entry_point = "shop:main"
project = "app"
lock = "app/uv.lock"
commands = { seed = "rel/seed", ok = "rel/there", bad = 3, out = "../x" }
find_links = ["wheels", "/elsewhere"]
plugins = ["rel/size.py", "an_entry_point", 7]
stop_timuot = 3

[release.shop.hooks]
pre_start = "rel/lost"
post_start = ["rel/gone", { run = "rel/away", tiemout = 3 }, { call = "shop:x" }]
pre_strat = "rel/never"

[environment.dev]
overlays = [{ copy = "rel/*.txt", to = "a" }, { template = "rel/motd.j2", to = "b" }, { link = "x", to = "y" }]
env = ["A"]
"""


def told(folder: Path, text: str) -> ConfigError:
    (folder / "rel").mkdir()
    (folder / "rel/there").touch()
    (folder / "rel/config.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_config_and_see_its_files(folder / "rel/config.toml", now="nothing was built")
    return error.value


def test_files_that_are_missing_are_told_with_what_is_wrong_in_the_order_of_the_file(tmp_path: Path) -> None:
    problems = told(tmp_path, TEXT).problems

    found = [(problem.where.removeprefix("rel/config.toml:"), problem.what.partition(",")[0]) for problem in problems]
    assert found == [
        ("3:11", "app does not exist"),
        ("4:8", "app/uv.lock does not exist"),
        ("5:21", "rel/seed does not exist"),
        ("5:57", "expected the path of a file such as 'rel/commands/seed.sh'"),
        ("5:66", "'../x' leads out of the folder that holds rel/"),
        ("6:15", "wheels does not exist"),
        ("7:12", "rel/size.py does not exist"),
        ("7:45", "expected a file such as 'rel/plugins/size.py'"),
        ("8:1", "unknown key"),
        ("11:13", "rel/lost does not exist"),
        ("12:15", "rel/gone does not exist"),
        ("12:35", "rel/away does not exist"),
        ("12:47", "unknown key"),
        ("13:1", "unknown event"),
        ("16:60", "rel/motd.j2 does not exist"),
        ("17:7", "expected a table such as { WEB_CONCURRENCY = '2' }"),
    ]


def test_a_file_that_is_no_toml_names_no_other(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, TEXT + "=").problems

    assert problem.where == "rel/config.toml:18:1"


def test_tables_of_any_shape_name_nothing(tmp_path: Path) -> None:
    text = 'release = [1]\n[environment]\na = 1\n[environment.b]\nhooks = ["rel/x"]\ncommands = "rel/y"\nproject = []\n'

    assert not [problem for problem in told(tmp_path, text).problems if "does not exist" in problem.what]
