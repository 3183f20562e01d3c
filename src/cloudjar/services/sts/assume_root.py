"""AssumeRoot: a member account's root user for a quarter of an hour and one task.

Source: "Perform a privileged task on an AWS Organizations member account", IAM User Guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.identity.organization import Organization, membership
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.principal import Principal
from cloudjar.services.sts import errors, sessions

ACTION = "sts:AssumeRoot"
SECONDS = 900
TASKS = frozenset(
    {
        "IAMAuditRootUserCredentials", "IAMCreateRootUserPassword", "IAMDeleteRootUserCredentials", "S3UnlockBucketPolicy",
        "SQSUnlockQueuePolicy",
    }
)  # fmt: skip


def target_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The root user that a request is about, named by its ARN or its account."""
    target: str = req["TargetPrincipal"]
    return f"arn:{ctx.partition}:iam::{target}:root" if target.isdecimal() else target


@operation(on=target_arn)
def assume_root(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    arn = target_arn(ctx, req)
    prefix, _, account = arn.removesuffix(":root").rpartition(":")
    if prefix != f"arn:{ctx.partition}:iam:" or not arn.endswith(":root") or len(account) != 12 or not account.isdecimal():
        raise errors.validation(f"Invalid target principal: {req['TargetPrincipal']}")
    task = (req["TaskPolicyArn"] or {}).get("arn", "")
    if task.rpartition("/")[2] not in TASKS or task.rpartition("/")[0] != f"arn:{ctx.partition}:iam::aws:policy/root-task":
        raise errors.validation(f"Invalid task policy ARN: {task}")
    if ctx.principal.kind == "root" or not _administers(ctx, account):
        raise errors.not_authorized(ctx.principal, ACTION, arn)
    parent = sessions.callers_session(ctx)
    session = sessions.issue(
        ctx,
        Principal("root", account, arn, account, session_policies=(task,)),
        req.get("DurationSeconds") or SECONDS,
        least_token=req.get("MinimumSessionTokenSize"),
        source_identity=parent.source_identity if parent else "",
    )
    return sessions.answer(session) | ({"SourceIdentity": session.source_identity} if session.source_identity else {})


def _administers(ctx: Context, account: str) -> bool:
    """Whether the caller's account holds root sessions over that account."""
    mine, its = membership(ctx, ctx.principal.account), membership(ctx, account)
    if mine is None or its is None or mine.organization != its.organization or its.status != "ACTIVE":
        return False
    organization = ctx.get(Organization, mine.organization)
    if organization is None or account == organization.management or "RootSessions" not in organization.features:
        return False
    return mine.account == organization.management or "iam.amazonaws.com" in mine.delegations
