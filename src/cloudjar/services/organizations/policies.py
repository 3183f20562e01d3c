"""Policies of an organization, and what they are attached to."""

from __future__ import annotations

from typing import Any, Literal

from cloudjar.identity.organization import AWS_MANAGED, Control, ControlAttachment, Member, Organization, Unit
from cloudjar.identity.policy import PolicyProblem, parse, policy_size
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.organizations import KINDS, LETTERS, arn, managed, readable
from cloudjar.services.organizations.pages import page_of

LARGEST = 5120
"""Characters of a policy."""
MOST_ATTACHED = 5
"""Policies of one type on one root, unit or account."""

_GRAMMAR: dict[str, Literal["scp", "rcp"]] = {"SERVICE_CONTROL_POLICY": "scp", "RESOURCE_CONTROL_POLICY": "rcp"}


def policy_arn(control: Control, organization: Organization) -> str:
    """A policy's ARN; AWS's own belong to no organization."""
    kind = control.type.lower()
    if control.aws_managed:
        return f"arn:aws:organizations::aws:policy/{kind}/{control.id}"
    return arn(organization, "policy", kind, control.id)


def on_policy(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on a policy."""
    control = AWS_MANAGED.get(req["PolicyId"]) or ctx.get(Control, req["PolicyId"])
    if control is None:
        return "*"
    organization = ctx.get(Organization, control.organization)
    return policy_arn(control, organization) if organization or control.aws_managed else "*"  # type: ignore[arg-type]


def find_policy(ctx: Context, organization: Organization, policy_id: str) -> Control:
    """A policy of the organization, or AWS's; raises PolicyNotFoundException."""
    found = AWS_MANAGED.get(policy_id) or ctx.get(Control, policy_id)
    if found is None or (not found.aws_managed and found.organization != organization.id):
        raise errors.policy_not_found()
    return found


def summary_to_wire(control: Control, organization: Organization) -> dict[str, Any]:
    return {
        "Id": control.id,
        "Arn": policy_arn(control, organization),
        "Name": control.name,
        "Description": control.description,
        "Type": control.type,
        "AwsManaged": control.aws_managed,
    }


def policy_to_wire(control: Control, organization: Organization) -> dict[str, Any]:
    return {"PolicySummary": summary_to_wire(control, organization), "Content": control.content}


def _check(kind: str, content: str) -> None:
    if kind not in KINDS:
        raise not_implemented("organizations", "CreatePolicy", kind)
    if policy_size(content) > LARGEST:
        raise errors.constraint("POLICY_CONTENT_LIMIT_EXCEEDED", "You have exceeded the maximum size of a policy document.")
    try:
        document = parse(content, _GRAMMAR[kind])
    except PolicyProblem as problem:
        raise errors.malformed_policy(
            f"The provided policy document does not meet the requirements of the specified policy type: {problem.message}"
        ) from None
    if kind == "RESOURCE_CONTROL_POLICY" and any(statement.allow for statement in document.statements):
        raise errors.malformed_policy("The provided policy document does not meet the requirements of the specified policy type.")


def _check_name(ctx: Context, organization: Organization, kind: str, name: str) -> None:
    controls = [*ctx.where(Control, organization=organization.id, type=kind), *AWS_MANAGED.values()]
    if any(control.name == name and control.type == kind for control in controls):
        raise errors.duplicate_policy()


@operation()
def create_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    _check(req["Type"], req["Content"])
    _check_name(ctx, organization, req["Type"], req["Name"])
    tags = tag_rules.from_list(req.get("Tags"))
    tag_rules.check(tags, "InvalidInputException")
    control = Control("p-" + ctx.ids.text(LETTERS, 8), organization.id, req["Type"], req["Name"], req["Description"], req["Content"])
    ctx.put(control)
    ctx.set_tags(policy_arn(control, organization), tags)
    return {"Policy": policy_to_wire(control, organization)}


@operation(on=on_policy)
def describe_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    return {"Policy": policy_to_wire(find_policy(ctx, organization, req["PolicyId"]), organization)}


@operation(on=on_policy)
def update_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    control = _own(ctx, organization, req["PolicyId"])
    name = req.get("Name") or control.name
    if name != control.name:
        _check_name(ctx, organization, control.type, name)
    content = req.get("Content") or control.content
    _check(control.type, content)
    control = ctx.put(replace(control, name=name, description=req.get("Description", control.description), content=content))
    return {"Policy": policy_to_wire(control, organization)}


@operation(on=on_policy)
def delete_policy(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    control = _own(ctx, organization, req["PolicyId"])
    if ctx.where(ControlAttachment, policy=control.id).first():
        raise errors.policy_in_use()
    ctx.set_tags(policy_arn(control, organization), {})
    ctx.delete(control)


def _own(ctx: Context, organization: Organization, policy_id: str) -> Control:
    control = find_policy(ctx, organization, policy_id)
    if control.aws_managed:
        raise errors.invalid("IMMUTABLE_POLICY", "You specified a policy that is managed by AWS and can't be modified.")
    return control


@operation()
def list_policies(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    kind = req["Filter"]
    found = [control for control in AWS_MANAGED.values() if control.type == kind]
    found += ctx.where(Control, organization=organization.id, type=kind)
    return page_of(req, "Policies", found, lambda control: control.id, lambda control: summary_to_wire(control, organization))


# Attachments


def target_to_wire(ctx: Context, organization: Organization, target: str) -> dict[str, Any]:
    """A root, unit or account that a policy can be attached to; raises TargetNotFoundException."""
    if target == organization.root_id:
        return {"TargetId": target, "Arn": arn(organization, "root", target), "Name": "Root", "Type": "ROOT"}
    unit = ctx.get(Unit, target)
    if unit is not None and unit.organization == organization.id:
        return {"TargetId": target, "Arn": arn(organization, "ou", target), "Name": unit.name, "Type": "ORGANIZATIONAL_UNIT"}
    member = ctx.get(Member, target)
    if member is not None and member.organization == organization.id:
        return {"TargetId": target, "Arn": arn(organization, "account", target), "Name": member.name, "Type": "ACCOUNT"}
    raise errors.target_not_found()


@operation(on=on_policy)
def attach_policy(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    control = find_policy(ctx, organization, req["PolicyId"])
    target = req["TargetId"]
    target_to_wire(ctx, organization, target)
    if control.type not in organization.enabled_types:
        raise errors.type_not_enabled()
    if ctx.get(ControlAttachment, target, control.id) is not None:
        raise errors.duplicate_attachment()
    if sum(each.type == control.type for each in ctx.where(ControlAttachment, target=target)) >= MOST_ATTACHED:
        words = "You have exceeded the number of policies of that type that can be attached to an entity."
        raise errors.constraint("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", words)
    ctx.put(ControlAttachment(target, control.id, control.type))


@operation(on=on_policy)
def detach_policy(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    control = find_policy(ctx, organization, req["PolicyId"])
    target = req["TargetId"]
    target_to_wire(ctx, organization, target)
    found = ctx.get(ControlAttachment, target, control.id)
    if found is None:
        raise errors.not_attached()
    if control.id == "p-RCPFullAWSAccess":
        raise errors.invalid("NON_DETACHABLE_POLICY", "You can't detach this policy.")
    if sum(each.type == control.type for each in ctx.where(ControlAttachment, target=target)) == 1:
        words = "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times."
        raise errors.constraint("MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", words)
    ctx.delete(found)


@operation()
def list_policies_for_target(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    target_to_wire(ctx, organization, req["TargetId"])
    attached = [each.policy for each in ctx.where(ControlAttachment, target=req["TargetId"]) if each.type == req["Filter"]]
    controls = [find_policy(ctx, organization, policy) for policy in attached]
    return page_of(req, "Policies", controls, lambda control: control.id, lambda control: summary_to_wire(control, organization))


@operation(on=on_policy)
def list_targets_for_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    control = find_policy(ctx, organization, req["PolicyId"])
    targets = [
        target_to_wire(ctx, organization, each.target)
        for each in ctx.where(ControlAttachment, policy=control.id)
        if _ours(ctx, organization, each.target)
    ]
    return page_of(req, "Targets", targets, lambda target: target["TargetId"], lambda target: target)


def _ours(ctx: Context, organization: Organization, target: str) -> bool:
    # AWS's own policies are attached in every organization.
    found: Member | Unit | None = ctx.get(Member, target) or ctx.get(Unit, target)
    return target == organization.root_id or (found is not None and found.organization == organization.id)
