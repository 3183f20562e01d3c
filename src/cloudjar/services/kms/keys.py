"""Keys: made, described, listed, enabled and disabled."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.kms import crypto, errors, policies, rotation
from cloudjar.services.kms.find import check_not_leaving, find_key, managed_key, own_key, used_key
from cloudjar.services.kms.material import add_first
from cloudjar.services.kms.records import Key, MultiRegion, home
from cloudjar.services.kms.specs import SPECS, SYMMETRIC
from cloudjar.services.kms.tags import read_tags


@operation()
async def create_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    spec, usage = _kind(req)
    origin = _origin(req)
    secret = b"" if origin == "EXTERNAL" else await ctx.offload(crypto.generate, spec)
    with ctx.transaction():
        key_id = f"mrk-{ctx.ids.hex(32)}" if req.get("MultiRegion") else ctx.ids.uuid()
        arn = ctx.arn("kms", f"key/{key_id}")
        policy = policies.checked(ctx, arn, req) if req.get("Policy") else policies.default(ctx)
        key_tags = read_tags(req.get("Tags"))
        tags.check(key_tags, "TagException")
        key = ctx.put(
            Key(
                key_id,
                arn,
                ctx.account,
                ctx.region,
                ctx.now,
                policy,
                spec=spec,
                usage=usage,
                origin=origin,
                description=req.get("Description") or "",
                state="Enabled" if secret else "PendingImport",
                multi_region=bool(req.get("MultiRegion")),
            )
        )
        if key.multi_region:
            ctx.put(MultiRegion(key_id, ctx.region, []))
        if secret:
            key = add_first(ctx, key, secret)
        ctx.set_tags(arn, key_tags)
        return {"KeyMetadata": metadata(ctx, key)}


def _kind(req: dict[str, Any]) -> tuple[str, str]:
    if req.get("KeySpec") and req.get("CustomerMasterKeySpec"):
        raise errors.two_specs()
    spec = req.get("KeySpec") or req.get("CustomerMasterKeySpec") or SYMMETRIC
    if spec == "SM2":
        raise errors.unsupported("SM2 keys are only supported in China Regions.")
    usages = SPECS[spec].usages
    usage = req.get("KeyUsage") or ("ENCRYPT_DECRYPT" if spec == SYMMETRIC else None)
    if usage is None:
        raise errors.usage_needed()
    if usage not in usages:
        raise errors.usage_and_spec(usage, spec)
    return spec, usage


def _origin(req: dict[str, Any]) -> str:
    origin: str = req.get("Origin") or "AWS_KMS"
    if req.get("CustomKeyStoreId") or req.get("XksKeyId") or origin not in ("AWS_KMS", "EXTERNAL"):
        raise not_implemented("kms", "CreateKey", "custom key stores")
    return origin


@operation(on=used_key)
def describe_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = find_key(ctx, req["KeyId"])
    return {"KeyMetadata": metadata(home(ctx, key), key)}


@operation()
def list_keys(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if "OTHER_ACCOUNTS_VIA_RAM" in (req.get("ResourceOwners") or ()):
        raise not_implemented("kms", "ListKeys", "keys that other accounts share")
    return ctx.page(
        req,
        ctx.where(Key),
        lambda key: {"KeyId": key.id, "KeyArn": key.arn},
        error=errors.invalid_marker(),
    )


@operation(on=managed_key)
def update_key_description(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    check_not_leaving(key)
    ctx.put(replace(key, description=req["Description"]))


@operation(on=managed_key)
def enable_key(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    if key.state not in ("Enabled", "Disabled"):
        raise errors.wrong_state(key.arn, key.state)
    # Rotations that fell due while the key was disabled happen now.
    rotation.catch_up(ctx, ctx.put(replace(key, state="Enabled")))


@operation(on=managed_key)
def disable_key(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    if key.state not in ("Enabled", "Disabled"):
        raise errors.wrong_state(key.arn, key.state)
    ctx.put(replace(key, state="Disabled"))


def metadata(ctx: Context, key: Key) -> dict[str, Any]:
    """A key as DescribeKey shows it."""
    from cloudjar.services.kms.imports import expiry_to_wire

    spec = key.key_spec
    wire: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.state == "Enabled",
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "MultiRegion": key.multi_region,
        **spec.algorithms(key.usage),
    }
    if key.deletion_date:
        wire["DeletionDate"] = key.deletion_date
    elif key.deletion_days:
        wire["PendingDeletionWindowInDays"] = key.deletion_days
    if spec.is_symmetric and key.material:
        wire["CurrentKeyMaterialId"] = key.material
    if key.origin == "EXTERNAL":
        wire |= expiry_to_wire(ctx, key)
    if key.multi_region:
        wire["MultiRegionConfiguration"] = _regions_to_wire(ctx, key)
    return wire


def _regions_to_wire(ctx: Context, key: Key) -> dict[str, Any]:
    regions = ctx.get(MultiRegion, key.id)
    assert regions is not None

    def place(region: str) -> dict[str, str]:
        return {"Arn": ctx.arn("kms", f"key/{key.id}", region=region), "Region": region}

    return {
        "MultiRegionKeyType": "PRIMARY" if regions.primary == key.region else "REPLICA",
        "PrimaryKey": place(regions.primary),
        "ReplicaKeys": [place(region) for region in regions.replicas],
    }
