"""Staging labels: AWSCURRENT, AWSPREVIOUS, AWSPENDING and one's own; each on one version at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import errors, replication
from cloudjar.services.secretsmanager.records import CURRENT, PREVIOUS, Secret, Version, find_writable, home, on_secret, staged, versions

MOST = 20
"""Labels of one version."""
KEPT = 100
"""Versions; without labels, and after a day, older ones go."""


def move(ctx: Context, secret: Secret, stage: str, target: Version) -> None:
    """Puts a label on a version, off any other; AWSPREVIOUS goes to where AWSCURRENT was."""
    there = home(ctx, secret)
    before = staged(ctx, secret, stage)
    if before is not None and before.id == target.id:
        return
    if before is not None:
        there.put(replace(before, stages=[other for other in before.stages if other != stage]))
    fresh = there.get(Version, secret.arn, target.id)
    assert fresh is not None
    if len(fresh.stages) >= MOST:
        raise errors.too_many_stages()
    # A version that becomes current is no longer the previous one.
    kept = [other for other in fresh.stages if not (stage == CURRENT and other == PREVIOUS)]
    there.put(replace(fresh, stages=[*kept, stage]))
    if stage == CURRENT and before is not None:
        move(ctx, secret, PREVIOUS, before)


def prune(ctx: Context, secret: Secret) -> None:
    """Forgets the oldest versions without labels."""
    everything = sorted(versions(ctx, secret), key=lambda version: version.created, reverse=True)
    for version in everything[KEPT:]:
        if not version.stages and version.created < ctx.now - timedelta(days=1):
            home(ctx, secret).delete(version)


@operation(on=on_secret)
def update_secret_version_stage(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_writable(ctx, req["SecretId"])
    there, stage = home(ctx, secret), req["VersionStage"]
    source, target = req.get("RemoveFromVersionId"), req.get("MoveToVersionId")
    for wanted in (source, target):
        if wanted and there.get(Version, secret.arn, wanted) is None:
            raise errors.no_such_version(wanted)
    holder = staged(ctx, secret, stage)
    if target:
        if holder is not None and holder.id not in (source, target):
            raise errors.stage_is_elsewhere(stage, holder.id) if not source else errors.stage_is_not_there(stage, source)
        moved = there.get(Version, secret.arn, target)
        assert moved is not None
        move(ctx, secret, stage, moved)
    else:
        if stage == CURRENT:
            raise errors.current_only_moves()
        if holder is None or holder.id != source:
            raise errors.stage_is_not_there(stage, source or "")
        there.put(replace(holder, stages=[other for other in holder.stages if other != stage]))
    secret = there.put(replace(secret, changed=ctx.now))
    replication.copy_out(ctx, secret)
    return {"ARN": secret.arn, "Name": secret.name}
