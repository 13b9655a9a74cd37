"""The table of settings agrees with the profile, with the runtime, and with what is made from it."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import tomlkit
from support.tested_settings import TESTS

import releaser
from releaser.config import Profile, profile, read_config
from releaser.config.reference import reference_page
from releaser.config.schema import json_schema
from releaser.config.sections import Field, Section, toml_value
from releaser.config.settings.assembly import OVERLAY_FIELDS
from releaser.config.settings.hooks import EVENTS, HOOKS, hook_fields
from releaser.config.settings.migrations import MIGRATIONS
from releaser.config.settings.processes import PROCESS
from releaser.config.settings.readiness import KINDS, READINESS
from releaser.config.settings.tables import ROWS, SETTINGS, TOP
from releaser.config.settings.tree import STEP_FIELDS
from releaser.config.settings.version import VERSION_FIELDS
from releaser.config.text import checks
from releaser.config.text.substitution import OF_THE_RELEASE
from releaser.errors import ConfigError
from releaser.runtime.bundle import python_variables
from releaser.runtime.commands.command_line import COMMANDS
from releaser.runtime.release import manifest
from releaser.runtime.release.variables.environment import CONTRACT, contract

MANY_NAMES = {row.name for row in ROWS}
TAKEN_BY_PROFILE = {"root", "name", "environment", "origins"}


def profile_with(folder: Path, table: str, setting: str) -> Profile:
    path = folder / "rel" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    entry = "" if setting.startswith("command ") else 'entry_point = "shop:main"'
    entry = "" if setting.startswith("entry_point ") else entry
    tables = f"[release.shop]\n{entry}\n[release.base]\n[environment.dev]\n[release.shop.{table}]\n{setting}\n"
    path.write_text(tables.replace(".]", "]"))
    if not table:
        path.write_text(f"[release.shop]\n{entry}\n{setting}\n[release.base]\n[environment.dev]\n")
    return read_config(path).profile("shop")


def without_places(value: object) -> str:
    return re.sub(r"Origin\(.*?\)", "", repr(value))


def test_every_setting_has_a_field_and_every_field_a_setting() -> None:
    assert {row.field for row in ROWS} == {field.name for field in dataclasses.fields(Profile)} - TAKEN_BY_PROFILE


@pytest.mark.parametrize("row", [row for row in ROWS if row.default], ids=lambda row: row.name)
def test_the_default_that_is_told_is_the_one_that_holds(row: Field, tmp_path: Path) -> None:
    written = profile_with(tmp_path, "", f"{row.name} = {row.default}")
    unwritten = profile_with(tmp_path, "", "")

    assert getattr(written, row.field) == getattr(unwritten, row.field)
    assert row.name in written.origins
    assert row.name not in unwritten.origins


@pytest.mark.parametrize("row", [row for row in ROWS if row.default], ids=lambda row: row.name)
def test_what_an_environment_says_holds_over_a_release_that_says_what_holds_anyway(row: Field, tmp_path: Path) -> None:
    alone = profile_with(tmp_path, "", f"{row.name} = {row.example}")
    told = f'[release.shop]\nentry_point = "shop:main"\n{row.name} = {row.default}\n'
    (tmp_path / "rel/config.toml").write_text(f"{told}[environment.dev]\n{row.name} = {row.example}\n")
    over = read_config(tmp_path / "rel/config.toml").profile("shop")

    assert without_places(getattr(over, row.field)) == without_places(getattr(alone, row.field))


@pytest.mark.parametrize("row", [row for row in READINESS.fields if row.default], ids=lambda row: row.name)
def test_the_default_of_a_readiness_setting_is_the_one_that_holds(row: Field, tmp_path: Path) -> None:
    way = 'http = "http://127.0.0.1:8000/"' if row.needs else "started = true"
    written = profile_with(tmp_path, "readiness", f"{way}\n{row.name} = {row.default}")
    unwritten = profile_with(tmp_path, "readiness", way)

    assert written.readiness == unwritten.readiness
    assert row.needs or written.readiness == profile.ReadinessSpec()


@pytest.mark.parametrize("row", [row for row in MIGRATIONS.fields if row.default], ids=lambda row: row.name)
def test_the_default_of_a_migrations_setting_is_the_one_that_holds(row: Field, tmp_path: Path) -> None:
    plain = 'script_location = "m"\ntargets = "shop:targets"'
    written = profile_with(tmp_path, "migrations", f"{plain}\n{row.name} = {row.default}").migrations
    unwritten = profile_with(tmp_path, "migrations", plain).migrations

    assert written == unwritten


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_the_defaults_of_a_hook_are_those_of_its_event(event: Any, tmp_path: Path) -> None:
    defaults = {row.name: row.default for row in hook_fields(event) if row.default}
    table = ", ".join(f"{name} = {value}" for name, value in defaults.items())
    hooks = profile_with(tmp_path, "hooks", f'{event.name} = ["rel/a", {{ run = "rel/a", {table} }}]').hooks[event.name]

    assert (hooks[0].timeout_s, hooks[0].on_failure) == (hooks[1].timeout_s, hooks[1].on_failure)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_example_of_every_setting_is_accepted(row: Field, tmp_path: Path) -> None:
    assert row.name in profile_with(tmp_path, "", f"{row.name} = {row.example}").origins


@pytest.mark.parametrize("row", READINESS.fields, ids=lambda row: row.name)
def test_the_example_of_every_readiness_setting_is_accepted(row: Field, tmp_path: Path) -> None:
    way = "" if row.name in KINDS else 'http = "http://127.0.0.1:8000/"\n' if row.needs else "notify = true\n"

    assert f"readiness.{row.name}" in profile_with(tmp_path, "readiness", f"{way}{row.name} = {row.example}").origins


@pytest.mark.parametrize("row", MIGRATIONS.fields, ids=lambda row: row.name)
def test_the_example_of_every_migrations_setting_is_accepted(row: Field, tmp_path: Path) -> None:
    needed = {"script_location": '"m"', "targets": '"shop:targets"'}
    if row.name == "command":
        del needed["script_location"]
    rest = "".join(f"{name} = {value}\n" for name, value in needed.items() if name != row.name)

    assert profile_with(tmp_path, "migrations", f"{rest}{row.name} = {row.example}").migrations


def test_events_words_and_ways_are_those_of_the_runtime() -> None:
    assert tuple(event.name for event in EVENTS) == manifest.EVENTS == typing.get_args(profile.Event)
    assert {word for event in EVENTS for word in event.on_failure} == set(manifest.ON_FAILURE)
    assert KINDS == manifest.READINESS_KINDS
    assert {row.name for row in HOOKS.fields} == set(manifest.EVENTS)


def test_every_refused_word_of_on_failure_has_its_reason() -> None:
    for event in EVENTS:
        assert set(event.on_failure) | set(event.reasons) == set(manifest.ON_FAILURE), event.name


def test_no_command_of_the_runtime_can_be_taken() -> None:
    assert set(COMMANDS) <= set(checks.BUILT_IN_COMMANDS)


def test_variables_that_the_release_sets_are_those_of_the_contract() -> None:
    assert tuple(name for name, _ in CONTRACT) == checks.OWN_VARIABLES


def test_variables_that_hold_in_every_text_are_those_that_each_process_of_a_release_has() -> None:
    context = SimpleNamespace(
        layout=SimpleNamespace(root="", version="", var=""), name="", prog="", manifest=SimpleNamespace(environment="")
    )
    assert tuple(contract(cast("Any", context), "start", "")) == OF_THE_RELEASE


def test_the_variables_of_python_that_a_release_drops_are_refused_where_they_are_written() -> None:
    assert tuple(checks.PYTHON_VARIABLES) == python_variables.DROPPED


def test_every_row_is_told_in_sentences() -> None:
    for row in every_row(TOP):
        assert row.doc[0].isupper() or row.doc[0] == "`", row.name
        assert row.doc.endswith("."), row.name


def test_the_reference_page_is_what_the_rows_say() -> None:
    page = Path(releaser.__file__).parent / "docs" / "reference" / "config.md"

    assert page.read_text(encoding="utf-8") == reference_page(), f"python -m releaser.config.reference > {page.name}"


def test_the_example_of_the_reference_page_is_a_valid_configuration(tmp_path: Path) -> None:
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    path.write_text(reference_page().split("```toml\n")[1].partition("```")[0])
    config = read_config(path)

    assert config.profile("shop", "prod").stop_timeout_s == 120.0
    assert config.profile().dev_mode


def test_the_schema_knows_exactly_the_settings_of_the_rows() -> None:
    schema = json_schema()
    settings = schema["$defs"]["settings"]
    hooks = settings["properties"]["hooks"]

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"default_release", "default_environment", "release", "environment"}
    assert set(settings["properties"]) == MANY_NAMES
    assert set(hooks["properties"]) == {event.name for event in EVENTS}
    assert settings["additionalProperties"] is False
    assert hooks["additionalProperties"] is False


def test_the_schema_refuses_both_an_entry_point_and_a_command() -> None:
    assert json_schema()["$defs"]["settings"]["allOf"] == [{"not": {"required": ["entry_point", "command"]}}]


def test_adding_a_row_is_all_it_takes_for_page_and_schema() -> None:
    row = Field(name="heart", kind=SETTINGS.row("dev_mode").kind, doc="Restart it.", default="false", example="true")
    grown = dataclasses.replace(SETTINGS, fields=(*SETTINGS.fields, row))

    assert grown.schema()["properties"]["heart"] == {
        "description": "Restart it.",
        "type": "boolean",
        "default": False,
        "examples": [True],
    }


def test_toml_values_of_rows_are_plain() -> None:
    assert type(toml_value('["a"]')) is list
    assert not isinstance(toml_value('"a"'), tomlkit.items.Item)


def test_every_setting_of_distillery_has_a_word_on_what_to_use() -> None:
    """The list is that of its own page on the configuration, and of its Profile."""
    settings = """
        version applications output_dir dev_mode vm_args config_providers config sys_config include_erts include_src
        included_configs strip_debug_info erl_opts run_erl_env commands overrides overlay_vars overlays cookie
        no_dot_erlang erts_version executable exec_opts transient code_paths plugins include_system_libs
        appup_transforms default_release default_environment release environment
    """
    hooks = [f"{event.name}_hooks" for event in EVENTS]
    page = reference_page().partition("## Names in Distillery")[2]
    assert [name for name in (*settings.split(), *hooks) if f"\n| `{name}` | " not in page] == []


def test_every_setting_of_mix_release_and_relx_has_a_word_on_what_to_use(tmp_path: Path) -> None:
    """The lists are those of the documentation of `mix release`, and of what relx reads from its configuration."""
    settings = """
        applications cookie include_erts include_executables_for overlays path prune_runtime_sys_config_after_boot
        quiet reboot_system_after_config rel_templates_path runtime_config_path start_distribution_during_config steps
        strip_beams validate_compile_env
        check_for_undefined_functions debug_info exclude_apps exclude_modules exref extended_start_script
        extended_start_script_extensions extended_start_script_hooks generate_start_script include_nodetool
        include_src include_start_scripts_for lib_dirs mode overlay overlay_vars_values overrides root_dir src_tests
        sys_config sys_config_src system_libs upfrom vm_args vm_args_src warnings_as_errors
    """
    path = tmp_path / "rel" / "config.toml"
    path.parent.mkdir()
    unknown = [name for name in settings.split() if name not in MANY_NAMES]
    path.write_text("[release.shop]\n" + "".join(f"{name} = 1\n" for name in unknown) + "[environment.dev]\n")
    with pytest.raises(ConfigError) as error:
        read_config(path)

    without = [each.key for each in error.value.problems if " here" not in each.hint]
    assert (without, len(error.value.problems)) == ([], len(unknown))


def test_every_setting_has_a_test_that_is_there() -> None:
    names = [f"{outer}{row.name}" for outer, rows in tables_of_settings() for row in rows]
    assert sorted(TESTS) == sorted(names), "a setting needs its row in tests/support/tested_settings.py"
    for setting, tests in TESTS.items():
        for test in tests:
            file, _, function = test.partition("::")
            text = (Path(__file__).parents[3] / file).read_text(encoding="utf-8")
            assert f"\ndef {function}(" in text, f"{setting}: there is no {test}"


def tables_of_settings() -> Iterator[tuple[str, tuple[Field, ...]]]:
    """Yield the rows of each table of settings, with what stands in front of their names."""
    yield "", (*TOP.fields, *ROWS)
    yield "version.", VERSION_FIELDS
    yield "overlays.", OVERLAY_FIELDS
    yield "steps.", STEP_FIELDS
    yield "process.", PROCESS.fields
    yield "hooks.", hook_fields(EVENTS[0])
    for row in ROWS:
        if isinstance(row.kind, Section):
            yield f"{row.name}.", row.kind.fields


def every_row(section: Section) -> Iterator[Field]:
    for row in section.fields:
        yield row
        if isinstance(row.kind, Section):
            yield from every_row(row.kind)
    if section is TOP:
        yield from every_row(SETTINGS)
