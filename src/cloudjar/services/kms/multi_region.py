"""Multi-Region keys: one key id and one material in several Regions; each with a policy, tags and a state of its own."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.kms import errors, policies
from cloudjar.services.kms.find import check_enabled, managed_key, own_key
from cloudjar.services.kms.keys import metadata
from cloudjar.services.kms.records import Key, MultiRegion, materials
from cloudjar.services.kms.service_events import announce_synchronization
from cloudjar.services.kms.tags import read_tags


@operation(on=managed_key)
def replicate_key(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key, shared = _primary_key(ctx, req)
    region = req["ReplicaRegion"]
    check_enabled(key)
    there = ctx.at(region=region)
    if there.partition != ctx.partition:
        raise errors.invalid(f"{region} is not in the partition of {key.arn}.")
    if region == key.region or there.get(Key, key.id):
        raise errors.replica_exists(region)
    arn = there.arn("kms", f"key/{key.id}")
    policy = policies.checked(there, arn, req) if req.get("Policy") else policies.default(there)
    replica_tags = read_tags(req.get("Tags"))
    tags.check(replica_tags, "TagException")
    imported = key.origin == "EXTERNAL"
    replica = there.put(
        replace(
            key,
            arn=arn,
            region=region,
            created=ctx.now,
            policy=policy,
            description=req.get("Description") or "",
            state="PendingImport" if imported else "Enabled",
            rotations_on_demand=0,
        )
    )
    for material in materials(ctx, key):
        # Imported material is imported into each Region by its owner.
        there.put(replace(material, secret=b"", expires=None) if imported else material)
    ctx.put(replace(shared, replicas=[*shared.replicas, region]))
    there.set_tags(arn, replica_tags)
    announce_synchronization(ctx, key)
    return {
        "ReplicaKeyMetadata": metadata(there, replica),
        "ReplicaPolicy": policy,
        "ReplicaTags": tags.to_list(replica_tags, "TagKey", "TagValue"),
    }


@operation(on=managed_key)
def update_primary_region(ctx: Context, req: dict[str, Any]) -> None:
    key, shared = _primary_key(ctx, req)
    check_enabled(key)
    region = req["PrimaryRegion"]
    if region not in shared.replicas:
        raise errors.key_not_found(ctx.arn("kms", f"key/{key.id}", region=region))
    there = ctx.at(region=region)
    replica = there.get(Key, key.id)
    assert replica is not None
    check_enabled(replica)
    ctx.put(replace(shared, primary=region, replicas=[key.region if other == region else other for other in shared.replicas]))
    if replica.next_rotation is not None:
        from cloudjar.services.kms.rotation import rotate_when_due

        there.after(rotate_when_due, key.id, at=replica.next_rotation)


def _primary_key(ctx: Context, req: dict[str, Any]) -> tuple[Key, MultiRegion]:
    key = own_key(ctx, req["KeyId"])
    shared = ctx.get(MultiRegion, key.id) if key.multi_region else None
    if shared is None:
        raise errors.unsupported(f"{key.arn} is not a multi-Region key.")
    if shared.primary != key.region:
        raise errors.unsupported(f"{key.arn} is not the primary key of its multi-Region key.")
    return key, shared
