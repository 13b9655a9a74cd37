"""Profiles and facts for tests of the plan: complete values, of which a test changes what it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from releaser.config.profile import HookSpec, Origin, Profile
from releaser.plan.facts import Facts, Interpreter, Lock, LockedPackage, PathFact, Project

ROOT = Path("/home/ada/shop")


def origin_of(key: str, line: int = 7) -> Origin:
    return Origin(file="rel/config.toml", line=line, column=3, key=key)


def profile_of(**changes: Any) -> Profile:
    values: dict[str, Any] = {"root": ROOT, "name": "shop", "environment": "prod", "entry_point": "shop.server:main"}
    return Profile(**(values | changes))


def hook_of(run: str = "", call: str = "", event: str = "pre_start") -> HookSpec:
    return HookSpec(run=run, call=call, timeout_s=60.0, on_failure="abort", origin=origin_of(f"hooks.{event}"))


def facts_of(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "project": Project(folder=ROOT, name="shop", version="1.4.0", requires_python=">=3.11"),
        "lock": lock_of(),
        "git": None,
        "interpreter": Interpreter(
            path=Path("/usr/bin/python3.11"),
            version="3.11",
            full_version="3.11.7",
            implementation="cpython",
            platform="linux-x86_64",
        ),
    }
    return Facts(**(values | changes))


def lock_of(**changes: Any) -> Lock:
    values: dict[str, Any] = {
        "path": ROOT / "requirements.txt",
        "shown": "requirements.txt",
        "kind": "requirements",
        "sha256": "ab" * 32,
        "packages": tuple(LockedPackage(name=f"p{number}") for number in range(12)),
    }
    return Lock(**(values | changes))


def file_fact(**changes: Any) -> PathFact:
    return PathFact(**({"kind": "file", "executable": True} | changes))
