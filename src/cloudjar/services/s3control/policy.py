"""What the judge asks of S3 Control: condition keys of jobs and access points."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.services.s3 import access_points
from cloudjar.services.s3control.jobs import Job


def condition_keys(ctx: Context, req: dict[str, Any], action: str, arn: str) -> dict[str, Any]:
    """The keys that no member brings by name. Source: "Actions, resources, and condition keys for Amazon S3"."""
    if access_points.is_arn(arn):
        point = access_points.find(ctx, arn)
        # All access points here are open to the internet.
        return access_points.condition_keys(point) if point is not None else {"s3:accesspointnetworkorigin": "Internet"}
    keys: dict[str, Any] = {}
    if action == "s3:CreateJob":
        keys["s3:requestjoboperation"] = next(iter(req["Operation"]), "")
    if "Priority" in req:
        keys["s3:requestjobpriority"] = str(req["Priority"])
    job = ctx.get(Job, req["JobId"]) if "JobId" in req else None
    if job is not None:
        keys |= {"s3:existingjoboperation": job.kind, "s3:existingjobpriority": str(job.priority)}
        if job.suspended is not None:
            keys["s3:jobsuspendedcause"] = "AWAITING_CONFIRMATION"
    return keys
