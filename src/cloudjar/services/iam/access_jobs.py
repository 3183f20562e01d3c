"""Reports of last accessed services: what an entity may use, and what it did use.

What was used is what the judge saw: every question about a user or a role, allowed or denied.
Source: "Refine permissions using last accessed information", IAM User Guide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cloudjar.identity.accessed import Access, Accessed
from cloudjar.identity.policy import parse
from cloudjar.identity.roles import Role
from cloudjar.identity.service_reference import find_action, service_names
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.iam import effective, errors, naming
from cloudjar.services.iam.context_keys import find_source
from cloudjar.services.iam.entities import Group, Membership, Owner, User, groups_of
from cloudjar.services.iam.policies import Attachment, Policy, aws_managed, document_of

Entity = User | Role


@record("iam.access_job", key="id", scope="account")
class AccessJob(Record):
    """A report that was asked for; it is made whole at once."""

    id: str
    arn: str
    granularity: str
    created: datetime
    services: list[dict[str, Any]] = []
    """By service: its prefix, and of those who used it (entity's ARN, kind, name, id, path) the time and Region, latest first."""


def subject_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    arn: str = req["Arn"]
    return arn


@operation(on=subject_arn)
def generate_service_last_accessed_details(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    arn = req["Arn"]
    entities, documents = _subject(ctx, arn)
    ctx.world.part(Accessed).store(ctx)
    services = []
    for service in sorted(granted_services(documents)):
        used = []
        for entity in entities:
            access = ctx.get(Access, entity.id, service)
            if access is not None:
                actions = {name: [moment.isoformat(), region] for name, (moment, region) in access.actions.items()}
                used.append({**_described(entity), "time": access.time.isoformat(), "region": access.region, "actions": actions})
        used.sort(key=lambda row: row["time"], reverse=True)
        services.append({"service": service, "used": used})
    job = ctx.put(AccessJob(ctx.ids.uuid(), arn, req.get("Granularity") or "SERVICE_LEVEL", naming.now(ctx), services))
    return {"JobId": job.id}


def _described(entity: Entity) -> dict[str, Any]:
    return {"arn": entity.arn, "kind": type(entity).__name__.upper(), "name": entity.name, "id": entity.id, "path": entity.path}


def _subject(ctx: Context, arn: str) -> tuple[list[Entity], list[str]]:
    """The users and roles that an ARN's report is about, and the policies that say what they may use; raises NoSuchEntity."""
    if ":policy/" in arn:
        if ctx.get(Policy, arn) is None and aws_managed(ctx, arn) is None:
            raise errors.policy_not_found(arn)
        owners = {attachment.owner_id for attachment in ctx.where(Attachment, policy_arn=arn)}
        users = [user for user in ctx.where(User) if user.id in owners or owners & {group.id for group in groups_of(ctx, user.id)}]
        roles = [role for role in ctx.where(Role) if role.id in owners]
        return [*users, *roles], [document_of(ctx, arn) or ""]
    found = find_source(ctx, arn)
    if isinstance(found, Group):
        members = {membership.user_id for membership in ctx.where(Membership, group_id=found.id)}
        return [user for user in ctx.where(User) if user.id in members], _documents(ctx, [found])
    return [found], _documents(ctx, [found, *(groups_of(ctx, found.id) if isinstance(found, User) else [])])


def _documents(ctx: Context, owners: Iterable[Owner]) -> list[str]:
    return [text for owner in owners for _, text in effective.attached_and_inline(ctx, owner)]


def granted_services(documents: Iterable[str]) -> set[str]:
    """The prefixes of the services of which some policy allows anything."""
    found: set[str] = set()
    for text in documents:
        for statement in parse(text).statements if text else ():
            if not statement.allow:
                continue
            if statement.actions is None:
                spared = {action.lower().partition(":")[0] for action in statement.not_actions or () if action.endswith(":*")}
                return set(service_names()) - spared if "*" not in (statement.not_actions or ()) else found
            for action in statement.actions:
                prefix = action.lower().partition(":")[0]
                if prefix == "*":
                    return set(service_names())
                if prefix in service_names():
                    found.add(prefix)
    return found


def find_job(ctx: Context, job_id: str) -> AccessJob:
    """A report; raises NoSuchEntity."""
    found = ctx.get(AccessJob, job_id)
    if found is None:
        raise errors.no_such_entity(f"Job {job_id} cannot be found.")
    return found


@operation()
def get_service_last_accessed_details(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = find_job(ctx, req["JobId"])

    def to_wire(row: dict[str, Any]) -> dict[str, Any]:
        wire: dict[str, Any] = {"ServiceName": service_names()[row["service"]], "ServiceNamespace": row["service"]}
        used = row["used"]
        wire["TotalAuthenticatedEntities"] = len(used)
        if used:
            wire |= {
                "LastAuthenticated": datetime.fromisoformat(used[0]["time"]),
                "LastAuthenticatedEntity": used[0]["arn"],
                "LastAuthenticatedRegion": used[0]["region"],
            }
        if job.granularity == "ACTION_LEVEL":
            wire["TrackedActionsLastAccessed"] = _tracked(row["service"], used)
        return wire

    page = naming.page_of(req, "ServicesLastAccessed", job.services, lambda row: str(row["service"]), to_wire)
    return {"JobStatus": "COMPLETED", "JobType": job.granularity, "JobCreationDate": job.created, "JobCompletionDate": job.created, **page}


def _tracked(service: str, used: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last use of each action."""
    latest: dict[str, tuple[str, str, str]] = {}
    for row in used:
        for name, (moment, region) in row["actions"].items():
            if find_action(f"{service}:{name}") and (name not in latest or moment > latest[name][0]):
                latest[name] = (moment, region, row["arn"])
    return [
        {"ActionName": name, "LastAccessedEntity": arn, "LastAccessedTime": datetime.fromisoformat(moment), "LastAccessedRegion": region}
        for name, (moment, region, arn) in sorted(latest.items())
    ]


@operation()
def get_service_last_accessed_details_with_entities(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = find_job(ctx, req["JobId"])
    row = next((row for row in job.services if row["service"] == req["ServiceNamespace"].lower()), None)
    if row is None:
        raise errors.no_such_entity(f"Service {req['ServiceNamespace']} cannot be found in the report of job {job.id}.")

    def to_wire(used: dict[str, Any]) -> dict[str, Any]:
        info = {"Arn": used["arn"], "Name": used["name"], "Type": used["kind"], "Id": used["id"], "Path": used["path"]}
        return {"EntityInfo": info, "LastAuthenticated": datetime.fromisoformat(used["time"])}

    page = naming.page_of(req, "EntityDetailsList", row["used"], lambda used: str(used["arn"]), to_wire)
    return {"JobStatus": "COMPLETED", "JobCreationDate": job.created, "JobCompletionDate": job.created, **page}
