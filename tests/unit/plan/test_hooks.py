"""Hooks in a release: names, numbers, order."""

from __future__ import annotations

import os
from dataclasses import replace

from support.planning import ROOT, file_fact, hook_of, profile_of

from releaser.config.profile import MigrationsSpec
from releaser.plan.facts import PathFact
from releaser.plan.hooks import hooks_and_scripts


def test_files_of_a_folder_come_in_byte_order_between_its_neighbours() -> None:
    paths = {
        "rel/first": file_fact(),
        "rel/many": PathFact(kind="folder", entries=("B", "a")),
        "rel/many/B": file_fact(),
        "rel/many/a": file_fact(),
        "rel/last": file_fact(),
    }
    profile = profile_of(hooks={"pre_start": (hook_of("rel/first"), hook_of("rel/many"), hook_of("rel/last"))})
    hooks, scripts = hooks_and_scripts(profile, paths)
    assert [hook.name for hook in hooks] == ["20-first", "21-B", "22-a", "23-last"]
    assert [script.source for script in scripts] == [
        ROOT / n for n in ("rel/first", "rel/many/B", "rel/many/a", "rel/last")
    ]


def test_a_call_has_a_name_and_no_file() -> None:
    profile = profile_of(hooks={"post_start": (hook_of(call="shop.release:warm_cache"),)})
    (hook,), scripts = hooks_and_scripts(profile, {})
    assert (hook.name, hook.path, hook.call) == ("20-warm_cache", "", "shop.release:warm_cache")
    assert scripts == ()


def test_the_leading_comment_of_a_hook_goes_into_the_manifest() -> None:
    paths = {"rel/warm": replace(file_fact(), summary="warm the cache")}
    migrations = MigrationsSpec(script_location="m", run="post_start", origin=hook_of("x").origin)
    profile = profile_of(hooks={"post_start": (hook_of("rel/warm"), hook_of(call="a:b"))}, migrations=(migrations,))
    hooks, _ = hooks_and_scripts(profile, paths)
    assert [hook.summary for hook in hooks] == ["apply pending migrations from the running app", "warm the cache", ""]


def test_byte_order_stays_run_order_when_there_are_a_hundred() -> None:
    entries = tuple(f"h{number:03}" for number in range(100))
    paths = {"rel/many": PathFact(kind="folder", entries=entries)} | {f"rel/many/{e}": file_fact() for e in entries}
    migrations = MigrationsSpec(script_location="m", run="pre_start", origin=hook_of("x").origin)
    profile = profile_of(hooks={"pre_start": (hook_of("rel/many"),)}, migrations=(migrations,))
    hooks, _ = hooks_and_scripts(profile, paths)
    names = [hook.name for hook in hooks]
    assert names[0] == "010-migrate"
    assert names[-1] == "119-h099"
    assert sorted(names, key=os.fsencode) == names


def test_migrate_is_a_script_of_its_event_and_manual_is_none() -> None:
    def texts(run: str) -> list[tuple[str, str, str]]:
        spec = MigrationsSpec(script_location="m", run=run, origin=hook_of("x").origin)  # type: ignore[arg-type]
        hooks, scripts = hooks_and_scripts(profile_of(migrations=(spec,)), {})
        return [(h.event, h.on_failure, s.text.splitlines()[-1]) for h, s in zip(hooks, scripts, strict=True)]

    assert texts("post_start") == [("post_start", "stop", 'exec "$RELEASE_PROG" rpc releaser.runtime:migrate')]
    assert texts("pre_start") == [("pre_start", "abort", 'exec "$RELEASE_PROG" migrate')]
    assert texts("manual") == []


def test_databases_that_run_at_different_times_are_named_in_a_hook_each() -> None:
    origin = hook_of("x").origin
    runs = {"ledger": "pre_start", "audit": "post_start", "files": "pre_start", "old": "check", "tmp": "manual"}
    specs = tuple(
        MigrationsSpec(name=name, script_location="m", run=run, origin=origin)  # type: ignore[arg-type]
        for name, run in runs.items()
    )
    hooks, scripts = hooks_and_scripts(profile_of(migrations=specs), {})
    assert [(h.path, s.text.splitlines()[-1]) for h, s in zip(hooks, scripts, strict=True)] == [
        ("hooks/pre_start.d/10-check-database", 'exec "$RELEASE_PROG" migrate old --check --phase pre'),
        ("hooks/pre_start.d/10-migrate", 'exec "$RELEASE_PROG" migrate ledger files'),
        ("hooks/post_start.d/10-migrate", 'exec "$RELEASE_PROG" rpc releaser.runtime:migrate audit'),
    ]
    (hook,), (script,) = hooks_and_scripts(profile_of(migrations=specs[:1]), {})
    assert (hook.event, script.text.splitlines()[-1]) == ("pre_start", 'exec "$RELEASE_PROG" migrate')
