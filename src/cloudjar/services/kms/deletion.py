"""Deletion: after a waiting period by the world's clock, with everything that hangs on the key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel import keys as kernel_keys
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.kms import errors
from cloudjar.services.kms.alias_record import Alias
from cloudjar.services.kms.find import check_not_leaving, managed_key, own_key
from cloudjar.services.kms.grant_record import Grant
from cloudjar.services.kms.records import Key, Material, MultiRegion, materials
from cloudjar.services.kms.service_events import announce
from cloudjar.services.kms.usage import LastUse

DEFAULT_DAYS = 30


@operation(on=managed_key)
def schedule_key_deletion(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    days = req.get("PendingWindowInDays") or DEFAULT_DAYS
    if not 7 <= days <= 30:
        raise errors.invalid(
            f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must be between 7 "
            "and 30"
        )
    check_not_leaving(key)
    shared = ctx.get(MultiRegion, key.id) if key.multi_region else None
    if shared is not None and shared.primary == key.region and shared.replicas:
        # The waiting period of a primary key begins when its last replica is gone.
        ctx.put(replace(key, state="PendingReplicaDeletion", deletion_days=days))
        return {"KeyId": key.arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": days}
    key = _schedule(ctx, key, days)
    return {"KeyId": key.arn, "DeletionDate": key.deletion_date, "KeyState": key.state, "PendingWindowInDays": days}


@operation(on=managed_key)
def cancel_key_deletion(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    if key.state not in ("PendingDeletion", "PendingReplicaDeletion"):
        raise errors.not_pending_deletion(key.arn)
    state = "Disabled" if all(material.secret for material in materials(ctx, key)) and key.material else "PendingImport"
    ctx.put(replace(key, state=state, deletion_date=None, deletion_days=None))
    return {"KeyId": key.arn}


def _schedule(ctx: Context, key: Key, days: int) -> Key:
    due = ctx.now + timedelta(days=days)
    ctx.after(delete_when_due, key.id, kernel_keys.microseconds(due), at=due)
    return ctx.put(replace(key, state="PendingDeletion", deletion_date=due, deletion_days=days))


@timer
def delete_when_due(ctx: Context, key_id: str, due: int) -> None:
    """Ends a key, unless its deletion was cancelled, or scheduled anew, meanwhile."""
    key = ctx.get(Key, key_id)
    if key is None or key.deletion_date is None or kernel_keys.microseconds(key.deletion_date) != due:
        return
    ctx.delete(key)
    for alias in list(ctx.where(Alias, key_id=key_id)):
        ctx.delete(alias)
    for grant in list(ctx.where(Grant, key_id=key_id)):
        ctx.delete(grant)
    for material in list(ctx.where(Material, key_id=key_id)):
        ctx.delete(material)
    last = ctx.get(LastUse, key_id)
    if last is not None:
        ctx.delete(last)
    ctx.set_tags(key.arn, {})
    ctx.emit("aws.kms", "KMS CMK Deletion", {"key-id": key_id}, [key.arn])
    announce(ctx, key, "DeleteKey")
    if key.multi_region:
        _leave(ctx, key)


def _leave(ctx: Context, key: Key) -> None:
    shared = ctx.get(MultiRegion, key.id)
    if shared is None:
        return
    if shared.primary == key.region:
        ctx.delete(shared)
        return
    shared = ctx.put(replace(shared, replicas=[region for region in shared.replicas if region != key.region]))
    there = ctx.at(region=shared.primary)
    primary = there.get(Key, key.id)
    if primary is not None and primary.state == "PendingReplicaDeletion" and not shared.replicas:
        _schedule(there, primary, primary.deletion_days or DEFAULT_DAYS)
