"""Schedule groups, and their tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.scheduler import errors

DEFAULT = "default"


@record("scheduler.group", key="name")
class Group(Record):
    """A schedule group. The default one is everywhere, and is not stored."""

    name: str
    created: datetime
    modified: datetime


def group_arn(ctx: Context, name: str) -> str:
    """A group's ARN."""
    return ctx.arn("scheduler", f"schedule-group/{name}")


def on_group(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return group_arn(ctx, req.get("Name") or "*")


def find_group(ctx: Context, name: str) -> Group:
    """The group, or ResourceNotFoundException."""
    found = ctx.get(Group, name)
    if found is None and name == DEFAULT:
        return Group(DEFAULT, ctx.now, ctx.now)
    if found is None:
        raise errors.group_not_found(name)
    return found


@operation(on=on_group)
def create_schedule_group(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"]
    if name == DEFAULT or ctx.get(Group, name):
        raise errors.group_exists(name)
    given = tags.from_list(req.get("Tags"))
    tags.check(given)
    ctx.put(Group(name, ctx.now, ctx.now))
    ctx.set_tags(group_arn(ctx, name), given)
    return {"ScheduleGroupArn": group_arn(ctx, name)}


@operation(on=on_group)
def get_schedule_group(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return group_to_wire(ctx, find_group(ctx, req["Name"]))


@operation(on=on_group)
def delete_schedule_group(ctx: Context, req: dict[str, Any]) -> None:
    from cloudjar.services.scheduler.schedules import Schedule, drop

    if req["Name"] == DEFAULT:
        raise errors.invalid("The default schedule group cannot be deleted.")
    group = find_group(ctx, req["Name"])
    # A group takes its schedules with it.
    for schedule in list(ctx.where(Schedule, group=group.name)):
        drop(ctx, schedule)
    ctx.delete(group)
    ctx.set_tags(group_arn(ctx, group.name), {})


@operation(on=on_group)
def list_schedule_groups(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    prefix = req.get("NamePrefix") or ""
    rows = ctx.where(Group)
    if prefix:
        rows = rows.starting(prefix).ending(prefix + "\U0010ffff")
    error = errors.invalid("Invalid NextToken.")
    answer = ctx.page(req, rows, lambda group: group_to_wire(ctx, group), default=100, maximum=100, error=error)
    if not req.get("NextToken") and DEFAULT.startswith(prefix):
        answer["ScheduleGroups"].insert(0, group_to_wire(ctx, find_group(ctx, DEFAULT)))
    return answer


def group_to_wire(ctx: Context, group: Group) -> dict[str, Any]:
    times = {"CreationDate": group.created, "LastModificationDate": group.modified}
    return {"Arn": group_arn(ctx, group.name), "Name": group.name, "State": "ACTIVE", **times}


def on_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return str(req["ResourceArn"])


def _find(ctx: Context, arn: str) -> str:
    name = arn.rsplit("/", 1)[-1]
    if arn != group_arn(ctx, name):
        raise errors.resource_not_found(arn)
    find_group(ctx, name)
    return arn


@operation(on=on_resource)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    arn, given = _find(ctx, req["ResourceArn"]), tags.from_list(req["Tags"])
    tags.check({**ctx.tags(arn), **given})
    ctx.add_tags(arn, given)


@operation(on=on_resource)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    ctx.remove_tags(_find(ctx, req["ResourceArn"]), req["TagKeys"])


@operation(on=on_resource)
def list_tags_for_resource(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tags.to_list(ctx.tags(_find(ctx, req["ResourceArn"])))}
