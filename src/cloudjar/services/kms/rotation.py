"""Rotation: by the world's clock and on demand. Older material goes on decrypting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import replace
from cloudjar.services.kms import errors
from cloudjar.services.kms.find import check_enabled, managed_key, own_key
from cloudjar.services.kms.material import make_current, material_id
from cloudjar.services.kms.records import Key, Material, MultiRegion, materials
from cloudjar.services.kms.service_events import announce, announce_synchronization

DEFAULT_DAYS = 365
ON_DEMAND_LIMIT = 25


@operation(on=managed_key)
def enable_key_rotation(ctx: Context, req: dict[str, Any]) -> None:
    key = _rotating_key(ctx, req)
    check_enabled(key)
    days = req.get("RotationPeriodInDays") or key.rotation_days or DEFAULT_DAYS
    # The period runs from the day that rotation is enabled, or that its period is changed.
    if key.rotation_days == days:
        return
    due = ctx.now + timedelta(days=days)
    for region in _regions(ctx, key):
        there = ctx.at(region=region)
        shared = there.get(Key, key.id)
        assert shared is not None
        there.put(replace(shared, rotation_days=days, next_rotation=due))
    _announce_shared(ctx, key)
    ctx.after(rotate_when_due, key.id, at=due)


@operation(on=managed_key)
def disable_key_rotation(ctx: Context, req: dict[str, Any]) -> None:
    key = _rotating_key(ctx, req)
    check_enabled(key)
    for region in _regions(ctx, key):
        there = ctx.at(region=region)
        shared = there.get(Key, key.id)
        assert shared is not None
        there.put(replace(shared, rotation_days=None, next_rotation=None))
    _announce_shared(ctx, key)


@operation(on=managed_key)
def get_key_rotation_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    _check_symmetric(key)
    wire: dict[str, Any] = {"KeyRotationEnabled": key.rotation_days is not None, "KeyId": key.arn}
    if key.rotation_days is not None:
        wire |= {"RotationPeriodInDays": key.rotation_days}
        if key.state == "Enabled":
            wire |= {"NextRotationDate": key.next_rotation}
    return wire


@operation(on=managed_key)
def rotate_key_on_demand(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    _check_symmetric(key)
    check_enabled(key)
    _check_primary(ctx, key)
    if key.rotations_on_demand >= ON_DEMAND_LIMIT:
        raise errors.too_many_rotations(key.arn)
    key = ctx.put(replace(key, rotations_on_demand=key.rotations_on_demand + 1))
    if key.origin == "EXTERNAL":
        _rotate_to_imported(ctx, key)
    else:
        _rotate(ctx, key, "ON_DEMAND")
    return {"KeyId": key.arn}


@operation(on=managed_key)
def list_key_rotations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    _check_symmetric(key)
    rows = ctx.ordered_by(Material, "order", key.id)
    if req.get("IncludeKeyMaterial", "ROTATIONS_ONLY") == "ROTATIONS_ONLY":
        rows = rows.filtered(lambda material: material.rotated is not None)
    return ctx.page(req, rows, lambda material: _to_wire(key, material), error=errors.invalid_marker())


def _to_wire(key: Key, material: Material) -> dict[str, Any]:
    wire: dict[str, Any] = {"KeyId": key.arn, "KeyMaterialId": material.id, "KeyMaterialState": material.state}
    if key.origin == "EXTERNAL":
        wire["ImportState"] = "IMPORTED" if material.secret else "PENDING_IMPORT"
        if material.secret:
            wire["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if material.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        if material.expires:
            wire["ValidTo"] = material.expires
        if material.description:
            wire["KeyMaterialDescription"] = material.description
    if material.rotated:
        wire |= {"RotationDate": material.rotated, "RotationType": material.rotation}
    return wire


@timer
def rotate_when_due(ctx: Context, key_id: str) -> None:
    """Rotates a key whose period is over, unless it was changed meanwhile or does not work now."""
    key = ctx.get(Key, key_id)
    if key is not None:
        catch_up(ctx, key)


def catch_up(ctx: Context, key: Key) -> None:
    """Rotates an enabled key if its rotation is due."""
    if key.state != "Enabled" or key.rotation_days is None or key.next_rotation is None or key.next_rotation > ctx.now:
        return
    if key.multi_region and _primary(ctx, key) != key.region:
        return
    _rotate(ctx, key, "AUTOMATIC")
    due = ctx.now + timedelta(days=key.rotation_days)
    for region in _regions(ctx, key):
        there = ctx.at(region=region)
        shared = there.get(Key, key.id)
        assert shared is not None
        there.put(replace(shared, next_rotation=due))
    ctx.after(rotate_when_due, key.id, at=due)


def _rotate(ctx: Context, key: Key, kind: str) -> None:
    """New material, the same in all Regions of the key."""
    secret = secret_bytes(32)
    fresh = Material(key.id, material_id(key.id, secret), len(materials(ctx, key)) + 1, secret)
    for region in _regions(ctx, key):
        there = ctx.at(region=region)
        shared = there.get(Key, key.id)
        assert shared is not None
        make_current(there, shared, fresh, kind)
        _announce(there, shared, fresh, kind)
    _announce_shared(ctx, key)


def _announce(ctx: Context, before: Key, fresh: Material, kind: str) -> None:
    ctx.emit("aws.kms", "KMS CMK Rotation", {"key-id": before.id}, [before.arn])
    details = {"rotationType": kind, "keyOrigin": before.origin}
    announce(ctx, before, "RotateKey", **details, previousKeyMaterialId=before.material, currentKeyMaterialId=fresh.id)


def _rotate_to_imported(ctx: Context, key: Key) -> None:
    """The material that was imported for this becomes current, in all Regions that hold it."""
    waiting = next((material for material in materials(ctx, key) if material.state == "PENDING_ROTATION" and material.secret), None)
    if waiting is None:
        raise errors.wrong_state(key.arn, "without key material that is pending rotation")
    for region in _regions(ctx, key):
        there = ctx.at(region=region)
        shared, fresh = there.get(Key, key.id), there.get(Material, key.id, waiting.id)
        assert shared is not None
        if fresh is None or not fresh.secret:
            raise errors.wrong_state(shared.arn, "without the key material that the primary key rotates to")
        make_current(there, shared, fresh, "ON_DEMAND")
        _announce(there, shared, fresh, "ON_DEMAND")
    _announce_shared(ctx, key)


def _announce_shared(ctx: Context, key: Key) -> None:
    """What a primary key and its replicas share has changed, and been copied to them."""
    if len(_regions(ctx, key)) > 1:
        announce_synchronization(ctx, key)


def _rotating_key(ctx: Context, req: dict[str, Any]) -> Key:
    key = own_key(ctx, req["KeyId"])
    _check_symmetric(key)
    if key.origin != "AWS_KMS":
        raise errors.wrong_origin(key.arn, key.origin)
    _check_primary(ctx, key)
    return key


def _check_symmetric(key: Key) -> None:
    if not key.key_spec.is_symmetric:
        raise errors.wrong_key_kind(key.arn)


def _check_primary(ctx: Context, key: Key) -> None:
    if key.multi_region and _primary(ctx, key) != key.region:
        raise errors.unsupported(f"{key.arn} is a replica key; rotation is a property of the primary key.")


def _primary(ctx: Context, key: Key) -> str:
    shared = ctx.get(MultiRegion, key.id)
    return shared.primary if shared else key.region


def _regions(ctx: Context, key: Key) -> list[str]:
    shared = ctx.get(MultiRegion, key.id) if key.multi_region else None
    return [shared.primary, *shared.replicas] if shared else [key.region]
