"""Managed policies: the account's own, and AWS's, which no account can change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.identity.managed_policies import ManagedPolicy, list_managed, managed_policy
from cloudjar.identity.roles import Role
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import documents, errors, naming, quotas, tags
from cloudjar.services.iam.entities import User


@record("iam.policy", key="arn", scope="account", indexes={"folded": "folded"})
class Policy(Record):
    """A policy of the account's own, that can be attached."""

    arn: str
    name: str
    folded: str
    id: str
    """ANPA..."""
    path: str
    description: str
    created: datetime
    updated: datetime
    default_version: str = "v1"
    next_version: int = 2


@record("iam.policy_version", key=("policy_arn", "number"), scope="account")
class PolicyVersion(Record):
    """One of up to five documents of a policy."""

    policy_arn: str
    number: int
    document: str
    created: datetime

    @property
    def id(self) -> str:
        return f"v{self.number}"


@record("iam.attachment", key=("owner_id", "policy_arn"), scope="account", indexes={"policy": ("policy_arn", "owner_id")})
class Attachment(Record):
    """That a managed policy holds for a user, group or role."""

    owner_id: str
    policy_arn: str


def aws_managed(ctx: Context, arn: str) -> ManagedPolicy | None:
    """AWS's policy of that ARN, whatever the partition."""
    prefix, _, resource = arn.partition(":iam::aws:")
    return managed_policy(f"arn:aws:iam::aws:{resource}") if resource and prefix == f"arn:{ctx.partition}" else None


def find_own(ctx: Context, arn: str) -> Policy:
    """A policy of the account's own; raises InvalidInput, NoSuchEntity, or AccessDenied for AWS's."""
    naming.check_arn(ctx, arn, "policy")
    found = ctx.get(Policy, arn)
    if found is None:
        if aws_managed(ctx, arn):
            raise errors.access_denied(f"Policy {arn} is an AWS managed policy and cannot be changed.")
        raise errors.policy_not_found(arn)
    return found


def find_attachable(ctx: Context, arn: str) -> Policy | ManagedPolicy:
    """A policy to attach or to bound with, the account's or AWS's; raises InvalidInput or NoSuchEntity."""
    naming.check_arn(ctx, arn, "policy")
    found = ctx.get(Policy, arn) or aws_managed(ctx, arn)
    if found is None:
        raise errors.policy_not_attachable(arn)
    return found


def find_any(ctx: Context, arn: str) -> Policy | ManagedPolicy:
    """A policy to look at, the account's or AWS's; raises InvalidInput or NoSuchEntity."""
    naming.check_arn(ctx, arn, "policy")
    found = ctx.get(Policy, arn) or aws_managed(ctx, arn)
    if found is None:
        raise errors.policy_not_found(arn)
    return found


def document_of(ctx: Context, arn: str) -> str | None:
    """The default version's document of any managed policy, as JSON text; None if it is gone."""
    own = ctx.get(Policy, arn)
    if own is not None:
        version = ctx.get(PolicyVersion, arn, int(own.default_version[1:]))
        return version.document if version else None
    known = aws_managed(ctx, arn)
    return known.text if known else None


def policy_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["PolicyArn"]
    return arn


def new_policy_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that a policy about to be made will have."""
    return naming.arn(ctx, "policy", naming.path_of(req), req["PolicyName"])


def usage(ctx: Context, arn: str) -> dict[str, int]:
    """How many entities have it attached, and how many as their boundary."""
    bounded = ctx.where(User, boundary=arn).count() + ctx.where(Role, boundary=arn).count()
    return {"AttachmentCount": ctx.where(Attachment, policy_arn=arn).count(), "PermissionsBoundaryUsageCount": bounded}


def listed_policy(ctx: Context, policy: Policy | ManagedPolicy) -> dict[str, Any]:
    """A Policy as lists give it: no description, no tags."""
    if isinstance(policy, Policy):
        arn, created, updated = policy.arn, policy.created, policy.updated
    else:
        arn = f"arn:{ctx.partition}:iam::aws:policy{policy.path}{policy.name}"
        created, updated = datetime.fromisoformat(policy.create_date), datetime.fromisoformat(policy.update_date)
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version,
        **usage(ctx, arn),
        "IsAttachable": True,
        "CreateDate": created,
        "UpdateDate": updated,
    }


def policy_to_wire(ctx: Context, policy: Policy | ManagedPolicy) -> dict[str, Any]:
    """A whole Policy."""
    wire = listed_policy(ctx, policy)
    if isinstance(policy, Policy):
        wire |= tags.to_wire(ctx, policy.arn)
        if policy.description:
            wire["Description"] = policy.description
    return wire


@operation(on=new_policy_arn)
def create_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, document = req["PolicyName"], req["PolicyDocument"]
    documents.check_managed_policy(document)
    if ctx.where(Policy, folded=name.lower()).first():
        raise errors.policy_name_taken(name)
    quotas.check(ctx.where(Policy).count(), quotas.POLICIES, "PoliciesPerAccount")
    now = naming.now(ctx)
    policy = Policy(
        arn=new_policy_arn(ctx, req),
        name=name,
        folded=name.lower(),
        id=ctx.ids.unique_id("ANPA"),
        path=naming.path_of(req),
        description=req.get("Description") or "",
        created=now,
        updated=now,
    )
    ctx.put(policy)
    ctx.put(PolicyVersion(policy.arn, 1, document, now))
    tags.put(ctx, policy.arn, req.get("Tags"))
    wire = policy_to_wire(ctx, policy)
    wire.pop("Description", None)  # AWS answers with it in GetPolicy alone.
    return {"Policy": wire}


@operation(on=policy_arn)
def get_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Policy": policy_to_wire(ctx, find_any(ctx, req["PolicyArn"]))}


@operation(on=naming.listed("policy"))
def list_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    scope = req.get("Scope") or "All"
    found: list[Policy | ManagedPolicy] = []
    if scope in ("All", "Local"):
        found += ctx.where(Policy)
    if scope in ("All", "AWS"):
        found += list_managed()
    found = [policy for policy in found if naming.under(req.get("PathPrefix"))(policy)]
    used = {"PermissionsPolicy": "AttachmentCount", "PermissionsBoundary": "PermissionsBoundaryUsageCount"}
    wire = [listed_policy(ctx, policy) for policy in found]
    if req.get("OnlyAttached"):
        wire = [item for item in wire if item["AttachmentCount"] or item["PermissionsBoundaryUsageCount"]]
    if req.get("PolicyUsageFilter"):
        wire = [item for item in wire if item[used[req["PolicyUsageFilter"]]]]
    return naming.page_of(req, "Policies", wire, lambda item: item["Arn"], lambda item: item)


@operation(on=policy_arn)
def delete_policy(ctx: Context, req: dict[str, Any]) -> None:
    policy = find_own(ctx, req["PolicyArn"])
    if any(usage(ctx, policy.arn).values()):
        raise errors.policy_attached()
    versions = list(ctx.where(PolicyVersion, policy_arn=policy.arn))
    if len(versions) > 1:
        raise errors.policy_has_versions()
    for version in versions:
        ctx.delete(version)
    ctx.set_tags(policy.arn, {})
    ctx.delete(policy)
