"""What does a build do at each step of publishing? The order is that of the timeline in `publishing`."""

from __future__ import annotations

import shutil

from releaser.build.archive.sidecars import publish_packages
from releaser.build.publish.publishing import carry_var, prune_bundles, publish_tree
from releaser.build.publish.staying import bundles_of, keep_late_starters, keep_what_stays
from releaser.build.stage.under_way import Stage
from releaser.plan.steps import CarryVar, PublishArchive, PublishTree, RemoveStaging


def publish_archive(_: PublishArchive, stage: Stage) -> None:
    """Have the staged files written to their disk, then give the archive, and what lies beside it, their names."""
    stage.disk.write_through(str(stage.folder))
    publish_packages(stage)


def replace_tree(_: PublishTree, stage: Stage) -> None:
    """Put the staged tree in the place of the published one; what has to stay of that is in both."""
    plan, disk = stage.plan, stage.disk
    keep_what_stays(stage)
    disk.write_through(str(stage.folder))
    publish_tree(stage.root, plan.published, stage.replaced, disk.exchange)
    stage.is_published = True
    keep_late_starters(stage)
    disk.write_through(str(plan.target))


def bring_var(_: CarryVar, stage: Stage) -> None:
    """Move the replaced tree's var into the new one, and remove the bundles in it that nothing runs from."""
    published = stage.plan.published
    for replaced in (stage.replaced, stage.root):
        carry_var(replaced, published)
    if not stage.was_running:
        prune_bundles(published, {stage.bundle_id, *bundles_of(published, stage.staying)})


def has_var(_: CarryVar, stage: Stage) -> bool:
    """Tell whether there is a var to move."""
    return any((replaced / "var").is_dir() for replaced in (stage.replaced, stage.root))


def remove_staging(_: RemoveStaging, stage: Stage) -> None:
    """Remove the replaced tree, and all that was only needed to build."""
    shutil.rmtree(stage.folder)
