"""Reading the file as a whole, and choosing a profile from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from releaser.config import Config, read_config
from releaser.errors import ConfigError, UsageError

SHOP = '[release.shop]\nentry_point = "shop.server:main"\n'
WORKER = '[release.worker]\nentry_point = "shop.worker:main"\n'
DEV = "[environment.dev]\n"
PROD = "[environment.prod]\nstop_timeout = 5\n"


def config_of(folder: Path, text: str) -> Config:
    return read_config(written(folder, text))


def written(folder: Path, text: str) -> Path:
    path = folder / "rel" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def only_problem(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    (problem,) = caught.value.problems
    assert caught.value.message == f"cannot use rel/{path.name}"
    return problem.where, problem.what


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    assert only_problem(tmp_path / "rel" / "config.toml") == ("rel/config.toml", "no such file")


def test_in_a_folder_of_a_project_the_file_above_is_pointed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, SHOP + DEV)
    below = tmp_path / "src" / "shop"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with pytest.raises(ConfigError) as caught:
        read_config(Path("rel/config.toml"))

    (problem,) = caught.value.problems
    assert problem.hint == "there is ../../rel/config.toml: run releaser in ../.., or name the file with --config"


def test_a_folder_in_the_place_of_the_file_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "rel" / "config.toml").mkdir(parents=True)

    assert only_problem(tmp_path / "rel" / "config.toml") == ("rel/config.toml", "a folder, not a file")


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "rel").mkdir()
    os.mkfifo(tmp_path / "rel" / "config.toml")

    assert only_problem(tmp_path / "rel" / "config.toml") == ("rel/config.toml", "not a regular file")


def test_a_device_in_the_place_of_the_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "rel").mkdir()
    (tmp_path / "rel" / "config.toml").symlink_to("/dev/zero")

    assert only_problem(tmp_path / "rel" / "config.toml") == ("rel/config.toml", "not a regular file")


def test_a_file_that_nobody_has_written_by_hand_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, SHOP + DEV + "#" * 5_000_000)

    assert only_problem(path) == ("rel/config.toml", "larger than 1 MiB")


def test_a_chain_of_thousands_that_leads_back_to_itself_is_one_problem(tmp_path: Path) -> None:
    links = "".join(f"[release.r{number}]\nextends = 'r{number + 1}'\n" for number in range(5_000))
    path = written(tmp_path, f"{links}[release.r5000]\nextends = 'r4999'\n{DEV}")

    where, what = only_problem(path)

    assert (where, what) == ("rel/config.toml:10000:11", "it leads back to itself: r4999 extends r5000 extends r4999")


def test_a_path_below_a_file_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "rel").write_text("")

    where, what = only_problem(tmp_path / "rel" / "config.toml")

    assert (where, what) == ("rel/config.toml", "cannot be read: not a directory")


def test_a_name_too_long_for_a_file_is_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "rel" / ("x" * 300)
    path.parent.mkdir()

    assert only_problem(path) == (f"rel/{'x' * 300}", "cannot be read: file name too long")


@pytest.mark.parametrize("depth", [200, 100_000])
def test_values_nested_without_end_are_one_problem(tmp_path: Path, depth: int) -> None:
    path = written(tmp_path, f"[release.shop]\ncommand = {'[' * depth}{']' * depth}\n")

    assert only_problem(path) == ("rel/config.toml:2:112", "nested more than 100 levels deep")


def test_the_error_says_what_the_caller_knows_to_be_true_now(tmp_path: Path) -> None:
    path = written(tmp_path, SHOP + DEV + "[environment.prod]\ncommand = 3\n")

    with pytest.raises(ConfigError) as caught:
        read_config(path, now="nothing was built; _build/prod is untouched")

    assert caught.value.now == "nothing was built; _build/prod is untouched"
    assert caught.value.exit_code == 3


def test_the_root_is_the_absolute_folder_that_holds_rel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, SHOP + DEV)
    monkeypatch.chdir(tmp_path / "rel")

    for path in (Path("config.toml"), Path("../rel/config.toml"), tmp_path / "rel" / "config.toml"):
        config = read_config(path)

        assert (config.root, config.file) == (tmp_path, "rel/config.toml")
        assert config.profile().root == tmp_path


def test_names_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    config = config_of(tmp_path, PROD + WORKER + SHOP + DEV)

    assert config.release_names == ("worker", "shop")
    assert config.environment_names == ("prod", "dev")


def test_the_only_release_and_environment_need_no_name(tmp_path: Path) -> None:
    profile = config_of(tmp_path, SHOP + PROD).profile()

    assert (profile.name, profile.environment, profile.stop_timeout_s) == ("shop", "prod", 5.0)


def test_the_default_is_taken_when_none_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, f'default_release = "worker"\ndefault_environment = "prod"\n{SHOP}{WORKER}{DEV}{PROD}')

    assert (config.profile().name, config.profile().environment) == ("worker", "prod")
    assert (config.profile("shop", "dev").name, config.profile("shop", "dev").environment) == ("shop", "dev")


def test_an_unknown_name_is_a_wrong_command_line_with_the_nearest_one(tmp_path: Path) -> None:
    config = config_of(tmp_path, SHOP + DEV + PROD)

    with pytest.raises(UsageError) as caught:
        config.profile(environment="prdo", now="nothing was built")

    assert caught.value.message == "rel/config.toml has no environment 'prdo'; it has dev, prod"
    assert caught.value.hint == "did you mean 'prod'?"
    assert caught.value.now == "nothing was built"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("asked", ["", "x", "sh\nop", "SHOP"])
def test_any_unknown_release_is_refused_on_one_line(tmp_path: Path, asked: str) -> None:
    config = config_of(tmp_path, SHOP + DEV)

    with pytest.raises(UsageError) as caught:
        config.profile(asked)

    assert caught.value.message.endswith("; it has shop")
    assert "\n" not in caught.value.message


def test_several_without_a_default_are_listed(tmp_path: Path) -> None:
    config = config_of(tmp_path, SHOP + WORKER + DEV)

    with pytest.raises(UsageError) as caught:
        config.profile()

    assert caught.value.message == "no release was named, and rel/config.toml has 2: shop, worker"
    assert caught.value.hint == "name one with --release, or set default_release in rel/config.toml"


def test_a_release_that_is_not_complete_hinders_no_other(tmp_path: Path) -> None:
    config = config_of(tmp_path, SHOP + "[release.worker]\n" + DEV)

    assert config.profile("shop").entry_point == "shop.server:main"
    with pytest.raises(ConfigError, match="for the release worker in dev"):
        config.profile("worker")


def test_hooks_know_the_line_of_their_path(tmp_path: Path) -> None:
    text = SHOP + '[release.shop.hooks]\npre_start = [\n  "rel/a",\n  { timeout = 1, run = "rel/b" },\n]\n' + DEV
    path, table = config_of(tmp_path, text).profile().hooks["pre_start"]

    assert (path.origin.where, path.origin.key) == ("rel/config.toml:5:3", "release.shop.hooks.pre_start")
    assert (table.origin.where, table.origin.key) == ("rel/config.toml:6:24", "release.shop.hooks.pre_start.run")
    assert table.origin.problem("no such file").source_line == '  { timeout = 1, run = "rel/b" },'


def test_a_long_chain_of_releases_is_resolved(tmp_path: Path) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    links = "".join(f'[release.r{number}]\nextends = "r{number + 1}"\n' for number in range(1010))
    path.write_text(f'{links}[release.r1010]\nentry_point = "last:main"\n[environment.dev]\n')

    assert read_config(path).profile("r0").entry_point == "last:main"
