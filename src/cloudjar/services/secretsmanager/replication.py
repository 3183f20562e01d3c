"""Replication: the same secret in other Regions, under keys of those Regions, changed only by its primary."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.secretsmanager import cross_account, errors, values
from cloudjar.services.secretsmanager.records import Secret, Version, find_live, find_primary, find_writable, home, on_secret, versions


def add(ctx: Context, secret: Secret, wanted: list[dict[str, str]], overwrite: bool) -> Secret:
    """Makes replicas; gives the primary back. A Region that has another secret of the name fails, unless it may be overwritten."""
    failures = dict(secret.failures)
    replicas = dict(secret.replicas)
    for place in wanted:
        region = place.get("Region")
        if not region:
            raise errors.parameter("A replica needs a Region.")
        if region == secret.region:
            raise errors.parameter("Invalid replica region: it is the Region of the primary secret.")
        replicas[region] = place.get("KmsKeyId") or ""
        failures.pop(region, None)
        present = home(ctx, secret).at(region=region).get(Secret, secret.name)
        if present is not None and present.arn != arn_in(secret, region) and not overwrite:
            failures[region] = f"Replication failed: Secret name simple conflict with an existing secret in region {region}."
    secret = home(ctx, secret).put(replace(secret, primary_region=secret.region, replicas=replicas, failures=failures))
    return copy_out(ctx, secret, [place["Region"] for place in wanted if place["Region"] not in failures])


def copy_out(ctx: Context, secret: Secret, regions: list[str] | None = None) -> Secret:
    """Brings replicas up to date (all but those in conflict, if none are named); gives the primary back."""
    failures = dict(secret.failures)
    for region in regions if regions is not None else [region for region in secret.replicas if "conflict" not in failures.get(region, "")]:
        try:
            with ctx.transaction():
                _copy(ctx, secret, region)
            failures.pop(region, None)
        except AwsError as problem:
            failures[region] = f"Replication failed: {problem.message}"
    if failures != secret.failures:
        secret = home(ctx, secret).put(replace(secret, failures=failures))
    return cross_account.copy(ctx, secret) if secret.cross_replica and regions is None else secret


def _copy(ctx: Context, secret: Secret, region: str) -> None:
    there = home(ctx, secret).at(region=region)
    # Encryption is asked for as the caller, in the replica's Region.
    caller_there = ctx.at(region=region)
    arn = arn_in(secret, region)
    present = there.get(Secret, secret.name)
    if present is not None and present.arn != arn:
        for version in list(there.where(Version, arn=present.arn)):
            there.delete(version)
        there.set_tags(present.arn, {})
        present = None
    replica = there.put(
        replace(
            secret,
            arn=arn,
            kms_key=secret.replicas[region],
            replicas={},
            failures={},
            created=present.created if present else ctx.now,
            accessed=present.accessed if present else None,
            policy=present.policy if present else "",
            cross_replica="",
            cross_role="",
            cross_status="",
            cross_message="",
        )
    )
    wanted = {version.id: version for version in versions(ctx, secret)}
    for stale in list(there.where(Version, arn=arn)):
        if stale.id not in wanted:
            there.delete(stale)
    for version in wanted.values():
        held = there.get(Version, arn, version.id)
        copy = replace(held, stages=version.stages) if held else replace(version, arn=arn, sealed=b"", wrapped_key=b"", accessed=None)
        if version.sealed and not copy.sealed:
            copy = values.seal(caller_there, replica, copy, values.unseal(ctx, version), version.binary)
        there.put(copy)
    there.set_tags(arn, ctx.tags(secret.arn))


def arn_in(secret: Secret, region: str) -> str:
    """The replica's ARN: the primary's, but for the Region."""
    parts = secret.arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])


def to_wire(secret: Secret) -> list[dict[str, Any]]:
    """A primary's replicas."""
    return [
        {
            "Region": region,
            "KmsKeyId": key or values.DEFAULT_KEY,
            "Status": "Failed" if region in secret.failures else "InSync",
            "StatusMessage": secret.failures.get(region, "Replication succeeded"),
        }
        for region, key in sorted(secret.replicas.items())
    ]


@operation(on=on_secret)
def replicate_secret_to_regions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_writable(ctx, req["SecretId"])
    secret = add(ctx, secret, req["AddReplicaRegions"], bool(req.get("ForceOverwriteReplicaSecret")))
    return {"ARN": secret.arn, "ReplicationStatus": to_wire(secret)}


@operation(on=on_secret)
def remove_regions_from_replication(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.secretsmanager.secrets import end

    secret = find_primary(ctx, req["SecretId"])
    for region in req["RemoveReplicaRegions"]:
        if region not in secret.replicas:
            raise errors.parameter(f"The secret is not replicated to {region}.")
        there = home(ctx, secret).at(region=region)
        replica = there.get(Secret, secret.name)
        if replica is not None and replica.arn == arn_in(secret, region):
            end(there, replica)
    gone = set(req["RemoveReplicaRegions"])
    secret = home(ctx, secret).put(_without(secret, gone))
    return {"ARN": secret.arn, "ReplicationStatus": to_wire(secret)}


@operation(on=on_secret)
def stop_replication_to_replica(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    secret = find_live(ctx, req["SecretId"])
    if secret.cross_primary:
        return {"ARN": cross_account.stop(ctx, secret).arn}
    if not secret.primary_region or secret.primary_region == secret.region:
        raise errors.is_no_replica()
    there = home(ctx, secret)
    primary = there.at(region=secret.primary_region).get(Secret, secret.name)
    if primary is not None:
        there.at(region=secret.primary_region).put(_without(primary, {secret.region}))
    # On its own it has no rotation: the function belongs to the primary's Region.
    secret = there.put(
        replace(secret, primary_region="", rotation_function="", rotation_rules={}, rotation_enabled=False, next_rotation=None)
    )
    return {"ARN": secret.arn}


def _without(secret: Secret, regions: set[str]) -> Secret:
    replicas = {region: key for region, key in secret.replicas.items() if region not in regions}
    failures = {region: why for region, why in secret.failures.items() if region not in regions}
    return replace(secret, replicas=replicas, failures=failures, primary_region=secret.region if replicas else "")
