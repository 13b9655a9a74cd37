from releaser.config.settings import ROWS, TOP, MIGRATIONS
from releaser.config.sections import Section
from releaser.config.hooks import EVENTS, hook_fields
from releaser.config.assembly import OVERLAY_FIELDS, OVERLAYS
from releaser.config.hooks import HOOKS
from releaser.config.processes import PROCESS
names=[r.name for r in TOP.fields]
for r in ROWS:
    names.append(r.name)
    if isinstance(r.kind, Section) and r.kind is not HOOKS: names += [f"{r.name}.{f.name}" for f in r.kind.fields]
    if r.kind is HOOKS: names += [f"hooks.{e.name}" for e in EVENTS if not e.not_yet]+[f"hooks.{f.name}" for f in hook_fields(EVENTS[0])]
    if r.kind is OVERLAYS: names += [f"overlays.{f.name}" for f in OVERLAY_FIELDS]
    if r.name=="process": names += [f"process.{f.name}" for f in PROCESS.fields]
    if r.name=="version": names.append("version.command")
print(*names)
