"""Versions of managed policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.managed_policies import ManagedPolicy
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.iam import documents, errors, naming, quotas
from cloudjar.services.iam.policies import Policy, PolicyVersion, find_any, find_own, policy_arn


def version_to_wire(policy: Policy, version: PolicyVersion, *, document: bool = False) -> dict[str, Any]:
    wire = {"VersionId": version.id, "IsDefaultVersion": version.id == policy.default_version, "CreateDate": version.created}
    return wire | {"Document": naming.quoted(version.document)} if document else wire


def aws_version_to_wire(policy: ManagedPolicy, version: str, *, document: bool = False) -> dict[str, Any]:
    """A version of one of AWS's policies."""
    created = datetime.fromisoformat(policy.versions[version])
    wire = {"VersionId": version, "IsDefaultVersion": version == policy.default_version, "CreateDate": created}
    return wire | {"Document": naming.quoted(policy.text_of(version))} if document else wire


def find_version(ctx: Context, policy: Policy, version_id: str) -> PolicyVersion:
    """A version by its id, "v2"; raises NoSuchEntity."""
    found = ctx.get(PolicyVersion, policy.arn, int(version_id[1:].partition(".")[0]))
    if found is None or found.id != version_id:
        raise errors.policy_version_not_found(policy.arn, version_id)
    return found


@operation(on=policy_arn)
def create_policy_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    policy = find_own(ctx, req["PolicyArn"])
    documents.check_managed_policy(req["PolicyDocument"])
    if ctx.where(PolicyVersion, policy_arn=policy.arn).count() >= quotas.VERSIONS_PER_POLICY:
        raise errors.too_many_versions(quotas.VERSIONS_PER_POLICY)
    now = naming.now(ctx)
    version = ctx.put(PolicyVersion(policy.arn, policy.next_version, req["PolicyDocument"], now))
    policy = replace(policy, next_version=policy.next_version + 1, updated=now)
    if req.get("SetAsDefault"):
        policy = replace(policy, default_version=version.id)
    ctx.put(policy)
    return {"PolicyVersion": version_to_wire(policy, version)}


@operation(on=policy_arn)
def get_policy_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    arn, version_id = req["PolicyArn"], req["VersionId"]
    policy = find_any(ctx, arn)
    if isinstance(policy, Policy):
        return {"PolicyVersion": version_to_wire(policy, find_version(ctx, policy, version_id), document=True)}
    if version_id not in policy.versions:
        raise errors.policy_version_not_found(arn, version_id)
    return {"PolicyVersion": aws_version_to_wire(policy, version_id, document=True)}


@operation(on=policy_arn)
def list_policy_versions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    policy = find_any(ctx, req["PolicyArn"])
    if isinstance(policy, Policy):
        rows = ctx.where(PolicyVersion, policy_arn=policy.arn).backwards()
        return naming.page(ctx, req, rows, lambda version: version_to_wire(policy, version))
    newest_first = sorted(policy.versions, key=lambda version: -int(version[1:]))
    place = {version: f"{index:02}" for index, version in enumerate(newest_first)}
    return naming.page_of(
        req, "Versions", newest_first, lambda version: place[version], lambda version: aws_version_to_wire(policy, version)
    )


@operation(on=policy_arn)
def set_default_policy_version(ctx: Context, req: dict[str, Any]) -> None:
    policy = find_own(ctx, req["PolicyArn"])
    version = find_version(ctx, policy, req["VersionId"])
    ctx.put(replace(policy, default_version=version.id, updated=naming.now(ctx)))


@operation(on=policy_arn)
def delete_policy_version(ctx: Context, req: dict[str, Any]) -> None:
    policy = find_own(ctx, req["PolicyArn"])
    version = find_version(ctx, policy, req["VersionId"])
    if version.id == policy.default_version:
        raise errors.default_version()
    ctx.delete(version)
    ctx.put(replace(policy, updated=naming.now(ctx)))
