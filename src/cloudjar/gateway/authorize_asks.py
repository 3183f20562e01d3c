"""What a call asks IAM about: (action, resource) pairs, from the operation's `on=` and the Service Authorization Reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from cloudjar.identity.service_reference import ActionSpec, actions_for, find_action
from cloudjar.kernel.context import Context
from cloudjar.services.registry import Operation

PASS_ROLE = "iam:PassRole"
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_VARIABLE = re.compile(r"\$\{\w+\}")
_ROLE_MEMBER = re.compile(r"role(_?arn)?s?$", re.IGNORECASE)
# Services that hand no role on when a request names one.
_NO_PASSING = frozenset({"iam", "sts", "organizations", "accessanalyzer", "eks-auth", "kms", "sso-admin"})

PASSED_TO = {
    "ec2": "ec2.amazonaws.com",
    "ecs": "ecs-tasks.amazonaws.com",
    "stepfunctions": "states.amazonaws.com",
    "emr": "elasticmapreduce.amazonaws.com",
    "logs": "logs.amazonaws.com",
    "cognito-idp": "cognito-idp.amazonaws.com",
    "cognito-identity": "cognito-identity.amazonaws.com",
    "elasticbeanstalk": "elasticbeanstalk.amazonaws.com",
    "elbv2": "elasticloadbalancing.amazonaws.com",
    "rds": "rds.amazonaws.com",
    "s3control": "batchoperations.s3.amazonaws.com",
    "cloudwatch": "monitoring.amazonaws.com",
    "stepfunctions-local": "states.amazonaws.com",
}
"""iam:PassedToService where it is not the service's own name with ".amazonaws.com"."""


class Ask(NamedTuple):
    """One question to IAM."""

    spec: ActionSpec
    resource: str
    keys: Mapping[str, Any] = MappingProxyType({})
    """Condition keys of this question alone."""


def asks(ctx: Context, operation: Operation, req: dict[str, Any]) -> list[Ask]:
    """What a call asks about; [] where AWS asks nothing.

    `on` gives the ARN or ARNs, or, where the actions differ in what they are about, `{"s3:GetObject": source, ...}`: then it is
    the whole list of actions.
    """
    service = operation.model.service.name
    found = operation.mark.on(ctx, req) if operation.mark.on is not None else None
    result: list[Ask] = []
    if isinstance(found, dict):
        for action, resources in found.items():
            result += [Ask(named(action), resource) for resource in _listed(resources)]
    else:
        arns = _listed(found)
        for spec in actions_for(service, operation.name):
            if not spec.optional or (_wanted(spec.action, req) and not _hands_over(ctx, spec.action, req)):
                result += [Ask(spec, resource) for resource in _about(spec, arns) or [_anywhere(ctx, spec)]]
    if service not in _NO_PASSING and any(ask.spec.level != "List" and ask.spec.level != "Read" for ask in result):
        result += [Ask(named(PASS_ROLE), role) for role in _roles_in(req)]
    return result


def passed_to(service: str) -> str:
    """The service principal that a role passed to a service is for."""
    return PASSED_TO.get(service, f"{service}.amazonaws.com")


@lru_cache(maxsize=1024)
def named(action: str) -> ActionSpec:
    """An action by its name."""
    return find_action(action) or ActionSpec(action, described=False)


def _listed(found: Any) -> list[str]:
    return [] if found is None else [found] if isinstance(found, str) else list(found)


def _about(spec: ActionSpec, arns: list[str]) -> list[str]:
    """Which of the ARNs an action is about: those of its types, or all where the reference knows no better."""
    if len(arns) < 2:
        return arns
    return [arn for arn in arns if _takes(spec, arn)] or arns


def _anywhere(ctx: Context, spec: ActionSpec) -> str:
    """What an action is about where the request names nothing: all of its type here ("...:log-group:*"), or "*"."""
    known = {"${Partition}": ctx.partition, "${Region}": ctx.region, "${Account}": ctx.account}
    required = next((resource.arn for resource in spec.resources if resource.required), "*")
    return _VARIABLE.sub(lambda found: known.get(found[0], "*"), required)


def _takes(spec: ActionSpec, arn: str) -> bool:
    return any(_form(resource.arn).fullmatch(arn) for resource in spec.resources)


@lru_cache(maxsize=4096)
def _form(arn: str) -> re.Pattern[str]:
    """A pattern for an ARN's format, "arn:${Partition}:s3:::${BucketName}/${ObjectName}"."""
    parts = re.split(r"(\$\{\w+\})", arn)
    free = [(".+" if index == len(parts) - 2 else "[^:/]*") if index % 2 else re.escape(part) for index, part in enumerate(parts)]
    return re.compile("".join(free))


def _wanted(action: str, req: dict[str, Any]) -> bool:
    """Whether a request wants what an optional action guards."""
    name = action.partition(":")[2]
    if name in ("PutBucketAcl", "PutObjectAcl"):
        return bool(req.get("ACL")) or any(member.startswith("Grant") for member in req)
    if name in ("PutObjectTagging", "PutObjectVersionTagging") and "Body" not in req and "Tagging" in req and "CopySource" not in req:
        return ("VersionId" in req) == ("Version" in name) if isinstance(req["Tagging"], dict) else name == "PutObjectTagging"
    if name == "PutObjectTagging":
        return bool(req.get("Tagging"))
    if name == "GetObjectTagging" and "CopySource" in req:
        return req.get("TaggingDirective", "COPY") == "COPY"
    if name.startswith(("GetObject", "DeleteObject", "PutObjectVersion", "ListObject")):
        return ("Version" in name) == bool(req.get("VersionId"))
    if name == "PutObjectRetention":
        return bool(req.get("ObjectLockMode") or req.get("Retention"))
    if name == "PutObjectLegalHold":
        return bool(req.get("ObjectLockLegalHoldStatus") or req.get("LegalHold"))
    if name == "BypassGovernanceRetention":
        return bool(req.get("BypassGovernanceRetention"))
    if name in ("PutBucketObjectLockConfiguration", "PutBucketVersioning"):
        return bool(req.get("ObjectLockEnabledForBucket"))
    if name == "PutBucketOwnershipControls":
        return bool(req.get("ObjectOwnership"))
    if name in ("TagResource", "CreateTags", "AddTags"):
        return bool(req.get("Tags") or (req.get("CreateBucketConfiguration") or {}).get("Tags"))
    return False


def _hands_over(ctx: Context, action: str, req: dict[str, Any]) -> bool:
    """Whether a service gives what it writes to the bucket's owner: the policies that AWS documents for it allow s3:PutObject alone."""
    return action == "s3:PutObjectAcl" and ctx.principal.kind == "service" and req.get("ACL") == "bucket-owner-full-control"


def _roles_in(req: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(_search(req, 0)))


def _search(value: Any, depth: int) -> Iterator[str]:
    """The ARNs of roles in a request's members that are named for one."""
    if depth > 6:
        return
    attribute = value.get("AttributeName")
    if isinstance(attribute, str) and _ROLE_MEMBER.search(attribute):
        # SNS: {"AttributeName": "SubscriptionRoleArn", "AttributeValue": role}.
        role = value.get("AttributeValue")
        if isinstance(role, str) and _ROLE.fullmatch(role):
            yield role
    for name, member in value.items():
        if isinstance(member, str):
            if _ROLE_MEMBER.search(name) and _ROLE.fullmatch(member):
                yield member
        elif isinstance(member, dict):
            yield from _search(member, depth + 1)
        elif isinstance(member, list):
            for item in member:
                if isinstance(item, dict):
                    yield from _search(item, depth + 1)
                elif isinstance(item, str) and _ROLE_MEMBER.search(name) and _ROLE.fullmatch(item):
                    yield item
