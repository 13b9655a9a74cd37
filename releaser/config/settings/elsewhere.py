"""What takes the place of a setting of Distillery, mix release or relx that has no row of its own here?"""

from __future__ import annotations

DISTILLERY = {
    "applications": "the project's dependencies and its lock say what is in the bundle; `process` runs more beside it",
    "appup_transforms": "not needed, no module is changed in a running app",
    "code_paths": "`lock`, `find_links`",
    "config": "`config_providers`, `env_file`",
    "cookie": "not needed, `rpc` goes through a socket that only the release's own user can open",
    "erts_version": "`python_version`, `include_python`",
    "exec_opts": "`executable`; what it unpacks is kept in a cache",
    "included_configs": "`env_file`, `config_providers`",
    "include_system_libs": "`include_python`, `include_libc`",
    "no_dot_erlang": "not needed, the interpreter reads no file of its user",
    "overrides": "a path dependency of the project's lock; in `dev_mode` its sources run as they are",
    "run_erl_env": "`log`, `env`",
    "strip_debug_info": "`strip.debug_info`, `python_optimize`, `include_src`",
    "sys_config": "`env`, `env_file`",
    "transient": "`executable`; what it unpacks is kept in a cache",
    "vm_args": "`python_args`, `python_optimize`",
}
"""Settings of Distillery, to a sentence or to settings that do it."""

OTHERS = {
    "check_for_undefined_functions": ("relx", "not needed, a build looks for what the entry points name"),
    "debug_info": ("relx", "`strip.debug_info`, `python_optimize`"),
    "exclude_apps": ("relx", "the project's dependencies and its lock"),
    "exclude_modules": ("relx", "the project's dependencies and its lock; `strip`"),
    "exref": ("relx", "not needed, a build looks for what the entry points name"),
    "extended_start_script": ("relx", "every release has `bin/NAME`"),
    "extended_start_script_extensions": ("relx", "`commands`"),
    "extended_start_script_hooks": ("relx", "`hooks`"),
    "generate_start_script": ("relx", "every release has `bin/NAME`"),
    "include_executables_for": ("mix release", "releases run on Linux, and `bin/NAME` is for every sh"),
    "include_nodetool": ("relx", "every release has `rpc`, `eval` and `remote_console`"),
    "include_start_scripts_for": ("relx", "every release has one `bin/NAME`"),
    "lib_dirs": ("relx", "`lock`, `find_links`"),
    "mode": ("relx", "`dev_mode`, `include_python`, `include_src`"),
    "overlay": ("relx", "`overlays`"),
    "overlay_vars_values": ("relx", "`overlay_vars`"),
    "path": ("mix release", "`output_dir`"),
    "prune_runtime_sys_config_after_boot": (
        "mix release",
        "not needed, variables configure the app",
    ),
    "quiet": ("mix release", "the option -q of `releaser build`"),
    "reboot_system_after_config": ("mix release", "not needed, the app starts once it is configured"),
    "rel_templates_path": ("mix release", "`env.sh` in the release, `overlays`"),
    "root_dir": ("relx", "`project`; paths start at the folder that holds rel/"),
    "runtime_config_path": ("mix release", "`config_providers`, `env_file`"),
    "src_tests": ("relx", "not needed, a build looks at no sources of dependencies"),
    "start_distribution_during_config": ("mix release", "not needed, a release has no distribution"),
    "strip_beams": ("mix release", "`strip.debug_info`, `python_optimize`"),
    "sys_config_src": ("relx", "`env`, whose `${NAME}` is replaced at start, `env_file`"),
    "system_libs": ("relx", "`include_python`, `include_libc`"),
    "upfrom": ("relx", "not needed, an upgrade starts the new version beside the old one"),
    "validate_compile_env": ("mix release", "`required_env`, checked at each start"),
    "vm_args_src": ("relx", "`python_args`, `python_optimize`"),
    "warnings_as_errors": ("relx", "the option --warnings-as-errors of `releaser build`"),
}
"""Settings of other tools: which one's, and what takes their place."""


def hint_for(name: str) -> str:
    """Return what to use in place of a setting of that name; nothing for one that no such tool has."""
    tool, instead = ("Distillery", DISTILLERY[name]) if name in DISTILLERY else OTHERS.get(name, ("", ""))
    shown = instead.replace("`", "'")
    return f"{tool}'s {name} here: {shown}" if tool else ""
