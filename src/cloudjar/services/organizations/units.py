"""Organizational units, and the tree that they make."""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import Member, Organization, Unit, line_of
from cloudjar.kernel import tags as tag_rules
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.organizations import errors
from cloudjar.services.organizations.accounts import check_parent
from cloudjar.services.organizations.organizations import LETTERS, arn, attach_defaults, detach_all, managed, readable
from cloudjar.services.organizations.pages import page_of

DEEPEST = 5
"""Levels of units below the root."""


def unit_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on a unit."""
    unit = ctx.get(Unit, req["OrganizationalUnitId"])
    organization = ctx.get(Organization, unit.organization) if unit else None
    return arn(organization, "ou", req["OrganizationalUnitId"]) if organization else "*"


def find_unit(ctx: Context, organization: Organization, unit_id: str) -> Unit:
    """A unit of the organization; raises OrganizationalUnitNotFoundException."""
    found = ctx.get(Unit, unit_id)
    if found is None or found.organization != organization.id:
        raise errors.unit_not_found()
    return found


def unit_to_wire(ctx: Context, organization: Organization, unit: Unit) -> dict[str, Any]:
    return {
        "Id": unit.id,
        "Arn": arn(organization, "ou", unit.id),
        "Name": unit.name,
        "Path": "/".join((organization.id, *line_of(ctx, organization, unit.id))) + "/",
    }


def _check_name(ctx: Context, parent: str, name: str) -> None:
    if any(unit.name == name for unit in ctx.where(Unit, parent=parent)):
        raise errors.duplicate_unit()


@operation()
def create_organizational_unit(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    parent = req["ParentId"]
    check_parent(ctx, organization, parent)
    _check_name(ctx, parent, req["Name"])
    if len(line_of(ctx, organization, parent)) > DEEPEST:
        words = "You have exceeded the depth of the OU tree that you can have in an organization."
        raise errors.constraint("OU_DEPTH_LIMIT_EXCEEDED", words)
    tags = tag_rules.from_list(req.get("Tags"))
    tag_rules.check(tags, "InvalidInputException")
    unit = Unit(f"ou-{organization.root_id[2:]}-{ctx.ids.text(LETTERS, 8)}", organization.id, parent, req["Name"])
    ctx.put(unit)
    attach_defaults(ctx, organization, unit.id)
    ctx.set_tags(arn(organization, "ou", unit.id), tags)
    return {"OrganizationalUnit": unit_to_wire(ctx, organization, unit)}


@operation(on=unit_arn)
def describe_organizational_unit(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    return {"OrganizationalUnit": unit_to_wire(ctx, organization, find_unit(ctx, organization, req["OrganizationalUnitId"]))}


@operation(on=unit_arn)
def update_organizational_unit(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = managed(ctx)
    unit = find_unit(ctx, organization, req["OrganizationalUnitId"])
    name = req.get("Name") or unit.name
    if name != unit.name:
        _check_name(ctx, unit.parent, name)
    return {"OrganizationalUnit": unit_to_wire(ctx, organization, ctx.put(replace(unit, name=name)))}


@operation(on=unit_arn)
def delete_organizational_unit(ctx: Context, req: dict[str, Any]) -> None:
    organization = managed(ctx)
    unit = find_unit(ctx, organization, req["OrganizationalUnitId"])
    if ctx.where(Unit, parent=unit.id).first() or ctx.where(Member, parent=unit.id).first():
        raise errors.unit_not_empty()
    detach_all(ctx, unit.id)
    ctx.set_tags(arn(organization, "ou", unit.id), {})
    ctx.delete(unit)


@operation()
def list_organizational_units_for_parent(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    check_parent(ctx, organization, req["ParentId"])
    units = ctx.where(Unit, parent=req["ParentId"])
    return page_of(req, "OrganizationalUnits", units, lambda unit: unit.id, lambda unit: unit_to_wire(ctx, organization, unit))


@operation()
def list_children(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    check_parent(ctx, organization, req["ParentId"])
    kind = req["ChildType"]
    if kind == "ACCOUNT":
        found = [member.account for member in ctx.where(Member, parent=req["ParentId"])]
    else:
        found = [unit.id for unit in ctx.where(Unit, parent=req["ParentId"])]
    return page_of(req, "Children", found, str, lambda child: {"Id": child, "Type": kind})


@operation()
def list_parents(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    organization = readable(ctx)
    child: Member | Unit | None = ctx.get(Member, req["ChildId"]) or ctx.get(Unit, req["ChildId"])
    if child is None or child.organization != organization.id:
        raise errors.child_not_found()
    kind = "ROOT" if child.parent == organization.root_id else "ORGANIZATIONAL_UNIT"
    return {"Parents": [{"Id": child.parent, "Type": kind}]}
