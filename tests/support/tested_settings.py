"""Which test fails when a setting is accepted and ignored? One row for each setting of rel/config.toml.

`python tests/support/ignoring/prove.py [SETTING ...]` makes `releaser` ignore each, and sees its tests fail.
"""

from __future__ import annotations

_BUILD = "tests/integration/build/"
_LANGUAGE = _BUILD + "test_language.py::"
_INPUTS = _BUILD + "test_inputs.py::"
_OVERLAYS = _BUILD + "test_overlays.py::test_every_kind_of_overlay_is_in_the_release_and_in_the_manifest"
_STRIPPED = _BUILD + "test_stripped.py::test_each_part_is_chosen_by_itself"
_TREE = _BUILD + "test_tree.py::"
_STEPS = _BUILD + "test_steps.py::"
_LIFE = "tests/e2e/test_settings.py::"
_CONFIGURED = _LANGUAGE + "test_a_built_release_is_configured_and_started_as_its_settings_say"
_EXTENDED = _LANGUAGE + "test_a_release_that_extends_another_has_its_settings_and_its_own_over_them"
_UPGRADES = (
    "tests/integration/upgrade/test_upgrade.py::test_a_running_release_changes_its_version_under_the_same_supervisor"
)
_EVENTS = _LIFE + "test_every_event_has_its_hooks_and_a_hook_that_hangs_is_ended_and_only_told"
_APP = _LIFE + "test_the_app_has_its_variables_and_sockets_and_is_ready_when_it_says_so"
_LOG = _LIFE + "test_the_log_has_as_many_files_of_such_a_size_as_are_wanted"
_TCP = _LIFE + "test_an_address_is_connected_to_until_it_accepts_and_then_again_and_again"
_CALLED = _LIFE + "test_a_function_is_asked_whether_the_app_is_alive_and_the_pause_before_a_restart_is_as_long_as_said"
_NOTIFIED = _LIFE + "test_an_app_without_a_heartbeat_is_restarted_and_each_time_up_begins_a_new_row"
_LATE = _LIFE + "test_an_app_that_is_not_ready_in_time_has_failed_however_rarely_it_is_asked"
_WORKERS = _LIFE + "test_processes_have_sockets_readiness_heart_and_liveness_of_their_own"
_PLACE = _LIFE + "test_what_is_built_and_where_is_as_it_is_written"
_LIVENESS = _BUILD + "test_processes.py::test_liveness_ends_an_app_that_no_longer_answers_well"
_DATABASE = "tests/e2e/test_settings_of_migrations.py::"
_NAMED = _DATABASE + "test_the_url_and_the_configuration_are_those_that_are_named"
_OFF = _DATABASE + "test_what_is_switched_off_is_off_and_it_runs_before_the_app"
_LOCKED = _DATABASE + "test_a_locked_table_is_waited_for_as_long_and_as_often_as_said"
_CHECKED = _DATABASE + "test_a_database_that_is_behind_is_refused_and_the_journal_must_be_writable"
_LINTED = _DATABASE + "test_a_revision_that_would_break_the_old_code_ends_the_build_or_warns_or_passes"
_UPGRADED = "tests/integration/upgrade/test_what_goes_along.py::test_an_upgrade_migrates_and_a_rollback_does_not"
_TIMED = _DATABASE + "test_a_limit_for_statements_is_refused_where_the_database_has_none"
_TENANTS = _DATABASE + "test_tenants_are_migrated_one_at_a_time_until_one_fails"
_DJANGO = (
    "tests/projects/test_projects.py::test_a_django_site_is_migrated_by_one_of_eight_and_serves_what_that_one_wrote"
)

TESTS: dict[str, tuple[str, ...]] = {
    "default_release": (_EXTENDED,),
    "default_environment": (_CONFIGURED,),
    "release": (_EXTENDED,),
    "environment": (_CONFIGURED,),
    "extends": (_EXTENDED,),
    "project": (_INPUTS + "test_the_project_and_its_lock_may_lie_in_folders_of_their_own",),
    "version": (_PLACE,),
    "version.command": (_EXTENDED,),
    "lock": (_INPUTS + "test_the_project_and_its_lock_may_lie_in_folders_of_their_own",),
    "extras": (_INPUTS + "test_extras_and_groups_are_installed_when_they_are_named",),
    "groups": (_INPUTS + "test_extras_and_groups_are_installed_when_they_are_named",),
    "platform": (
        _BUILD + "test_targets.py::test_wheels_are_those_of_the_other_platform_and_the_release_says_so_at_start",
    ),
    "python_version": (
        _BUILD + "test_targets.py::test_another_version_is_compiled_by_a_python_of_that_version_or_not_at_all",
    ),
    "find_links": (_INPUTS + "test_folders_with_wheels_are_enough_without_a_network",),
    "entry_point": (_CONFIGURED,),
    "command": (_BUILD + "test_build.py::test_a_command_runs_on_its_own_with_its_arguments",),
    "layout": (_TREE + "test_a_package_whose_wheel_is_not_the_app_is_released_as_its_folder_lies",),
    "include_tree": (_TREE + "test_beside_a_package_go_the_files_that_are_named_or_all_of_them",),
    "files": (_TREE + "test_beside_a_package_go_the_files_that_are_named_or_all_of_them",),
    "exclude": (_TREE + "test_a_folder_of_scripts_is_released_as_it_lies_and_works_in_its_own_tree",),
    "shared": (_TREE + "test_what_is_shared_is_kept_across_versions",),
    "steps": (_STEPS + "test_steps_run_among_the_files_of_the_project_and_what_they_wrote_is_in_the_release",),
    "steps.run": (_STEPS + "test_steps_run_among_the_files_of_the_project_and_what_they_wrote_is_in_the_release",),
    "steps.env": (_STEPS + "test_steps_run_among_the_files_of_the_project_and_what_they_wrote_is_in_the_release",),
    "steps.when": (_STEPS + "test_steps_run_among_the_files_of_the_project_and_what_they_wrote_is_in_the_release",),
    "output_dir": (_PLACE,),
    "dev_mode": (_BUILD + "test_build.py::test_dev_mode_runs_the_source_tree",),
    "include_python": ("tests/e2e/test_init.py::test_a_plain_project_is_built_for_both_environments_and_starts",),
    "include_libc": (_BUILD + "test_glibc.py::test_with_a_c_library_of_its_own_a_release_is_below_every_limit",),
    "glibc_max": (_BUILD + "test_glibc.py::test_a_limit_for_the_c_library_names_the_files_that_exceed_it",),
    "include_src": (_BUILD + "test_build.py::test_without_sources_only_the_projects_byte_code_is_there",),
    "overlays": (_OVERLAYS,),
    "overlays.copy": (_OVERLAYS,),
    "overlays.link": (_OVERLAYS,),
    "overlays.mkdir": (_OVERLAYS,),
    "overlays.template": (_OVERLAYS,),
    "overlays.chmod": (_OVERLAYS,),
    "overlays.to": (_OVERLAYS,),
    "overlays.mode": (_OVERLAYS,),
    "overlay_vars": (_OVERLAYS,),
    "plugins": (_BUILD + "test_plugins.py::test_every_event_is_met_once_and_in_the_listed_order",),
    "strip": (_STRIPPED,),
    "strip.tests": (_STRIPPED,),
    "strip.docs": (_STRIPPED,),
    "strip.type_stubs": (_STRIPPED,),
    "strip.debug_info": (_BUILD + "test_debug_info.py::test_a_dependency_runs_without_its_debugging_information",),
    "strip.keep": (_STRIPPED,),
    "archive": (_BUILD + "test_packages.py::test_what_was_not_asked_for_is_not_made",),
    "executable": (_BUILD + "test_packages.py::test_the_file_that_runs_is_the_whole_release",),
    "python_args": (_CONFIGURED,),
    "python_optimize": (_CONFIGURED,),
    "required_env": (_LIFE + "test_a_variable_that_is_missing_forbids_the_start",),
    "env": (_APP,),
    "working_directory": (_TREE + "test_every_process_of_the_bundle_works_in_the_folder_that_is_named",),
    "env_file": (_CONFIGURED,),
    "config_providers": (_CONFIGURED,),
    "commands": (_APP,),
    "sockets": (_APP,),
    "readiness": (_APP,),
    "readiness.started": (_CALLED,),
    "readiness.notify": (_NOTIFIED,),
    "readiness.http": (_LATE,),
    "readiness.tcp": (_TCP,),
    "readiness.call": (_APP,),
    "readiness.timeout": (_LATE,),
    "readiness.interval": (_LATE,),
    "heart": (_NOTIFIED,),
    "heart.restarts": (_NOTIFIED,),
    "heart.backoff": (_CALLED,),
    "heart.backoff_max": (_CALLED,),
    "heart.reset_after": (_NOTIFIED,),
    "liveness": (_LIVENESS,),
    "liveness.http": (_LIVENESS,),
    "liveness.tcp": (_TCP,),
    "liveness.call": (_CALLED,),
    "liveness.heartbeat": (_NOTIFIED,),
    "liveness.interval": (_TCP,),
    "liveness.failures": (_LIVENESS,),
    "process": (_WORKERS,),
    "process.entry_point": (_WORKERS,),
    "process.command": (_WORKERS,),
    "process.readiness": (_WORKERS,),
    "process.heart": (_WORKERS,),
    "process.liveness": (_WORKERS,),
    "process.replicas": (_WORKERS,),
    "process.sockets": (_WORKERS,),
    "log": (_LOG,),
    "log.size": (_LOG,),
    "log.count": (_LOG,),
    "stop_timeout": (_LIFE + "test_an_app_that_does_not_end_is_killed_after_its_time",),
    "drain": (_LIFE + "test_an_app_goes_on_for_its_time_before_it_is_told_to_end",),
    "migrations": (_NAMED,),
    "migrations.script_location": (_NAMED,),
    "migrations.command": (_DJANGO,),
    "migrations.check": (_DJANGO,),
    "migrations.config": (_NAMED,),
    "migrations.url": (_NAMED,),
    "migrations.run": (_OFF, _CHECKED, _UPGRADED),
    "migrations.lock": (_OFF,),
    "migrations.lock_timeout": (_LOCKED,),
    "migrations.statement_timeout": (_TIMED,),
    "migrations.retries": (_LOCKED,),
    "migrations.journal": (_OFF, _CHECKED),
    "migrations.backup": (_OFF,),
    "migrations.lint": (_LINTED,),
    "migrations.lint_ignore": (_LINTED,),
    "migrations.released": (
        _LINTED,
        _DATABASE + "test_a_revision_that_was_released_is_not_left_for_later",
    ),
    "migrations.targets": (_TENANTS,),
    "migrations.targets_at_once": (_TENANTS,),
    "migrations.targets_timeout": (_DATABASE + "test_a_function_that_never_names_the_tenants_is_given_up",),
    "migrations.on_failure": (_TENANTS,),
    "migrations.after_migrate": (_NAMED,),
    "hooks": (_EVENTS,),
    "hooks.pre_configure": (_EVENTS,),
    "hooks.post_configure": (_EVENTS,),
    "hooks.pre_migrate": (_OFF,),
    "hooks.pre_start": (_EVENTS,),
    "hooks.post_start": (_EVENTS,),
    "hooks.pre_stop": (_EVENTS,),
    "hooks.post_stop": (_EVENTS,),
    "hooks.pre_upgrade": (_UPGRADES,),
    "hooks.post_upgrade": (_UPGRADES,),
    "hooks.run": (_EVENTS,),
    "hooks.call": (_EVENTS,),
    "hooks.timeout": (_EVENTS,),
    "hooks.on_failure": (_EVENTS,),
}
