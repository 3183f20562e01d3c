"""Policy generation: the policy for what a principal did, as a trail's files in S3 tell it."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from typing import Any

from cloudjar.identity.service_reference import actions_for, find_action
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.accessanalyzer import errors, pages
from cloudjar.services.accessanalyzer.analyzer_record import SERVICE
from cloudjar.services.accessanalyzer.resources import every

LONGEST = timedelta(days=90)
_PREFIXES = {"monitoring": "cloudwatch"}
"""IAM's prefix of an event source, where it is another word."""


@record("accessanalyzer.generation", key="id")
class Generation(Record):
    """One job."""

    id: str
    principal: str
    role: str
    trails: list[dict[str, Any]]
    start: datetime
    end: datetime
    started: datetime
    status: str = "IN_PROGRESS"
    completed: datetime | None = None
    error: dict[str, str] = {}
    policy: str = ""


@operation()
def start_policy_generation(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    principal = req["policyGenerationDetails"]["principalArn"]
    if ":user/" not in principal and ":role/" not in principal:
        raise errors.invalid(f"{principal} is not the ARN of an IAM user or role.")
    details = req.get("cloudTrailDetails")
    if not details:
        raise errors.invalid("cloudTrailDetails must be given.")
    end = details.get("endTime") or ctx.now
    if not timedelta(0) < end - details["startTime"] <= LONGEST:
        raise errors.invalid("The time between startTime and endTime must be 90 days at most.")
    job = Generation(ctx.ids.uuid(), principal, details["accessRole"], details["trails"], details["startTime"], end, ctx.now)
    ctx.put(job)
    ctx.effect(generate, job.id)
    return {"jobId": job.id}


@effect
async def generate(ctx: Context, job_id: str) -> None:
    """Reads the trails' files and writes the policy."""
    with ctx.transaction():
        job = ctx.get(Generation, job_id)
    if job is None or job.status != "IN_PROGRESS":
        return
    actions: set[str] = set()
    failed: dict[str, str] = {}
    try:
        with ctx.transaction():
            acting = ctx.assume(job.role, SERVICE)
        for trail in job.trails:
            actions |= await _actions(ctx, acting, trail, job)
    except AwsError as error:
        code = "RESOURCE_NOT_FOUND_ERROR" if "NotFound" in error.code or "NoSuch" in error.code else "AUTHORIZATION_ERROR"
        failed = {"code": code, "message": error.message}
    with ctx.transaction():
        job = ctx.get(Generation, job_id)
        if job is None or job.status != "IN_PROGRESS":
            return
        status = "FAILED" if failed else "SUCCEEDED"
        ctx.put(replace(job, status=status, completed=ctx.now, error=failed, policy="" if failed else _policy(actions)))


async def _actions(ctx: Context, acting: Context, wanted: dict[str, Any], job: Generation) -> set[str]:
    arn = wanted["cloudTrailArn"]
    trail = (await acting.at(region=arn.split(":")[3]).call_async("cloudtrail", "GetTrail", {"Name": arn}))["Trail"]
    prefix = f"{trail['S3KeyPrefix']}/" if trail.get("S3KeyPrefix") else ""
    bucket = {"Bucket": trail["S3BucketName"]}
    request = {**bucket, "Prefix": f"{prefix}AWSLogs/"}
    found: set[str] = set()
    first = job.start.replace(microsecond=0)  # Events tell whole seconds.
    for entry in await every(acting, "s3", "ListObjectsV2", "Contents", ("NextContinuationToken", "ContinuationToken"), request):
        parts = entry["Key"].split("/CloudTrail/")
        region = parts[-1].partition("/")[0]
        if len(parts) != 2 or not (wanted.get("allRegions") or region in (wanted.get("regions") or (region,))):
            continue
        body = await _read((await acting.call_async("s3", "GetObject", {**bucket, "Key": entry["Key"]}))["Body"])
        for event in json.loads(gzip.decompress(body))["Records"]:
            if first <= datetime.fromisoformat(event["eventTime"]) <= job.end and _is_by(event["userIdentity"], job.principal):
                found |= action_of(event["eventSource"], event["eventName"])
    return found


async def _read(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join([data async for data in body])


def _is_by(identity: dict[str, Any], principal: str) -> bool:
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return principal in (identity.get("arn"), issuer.get("arn"))


def action_of(source: str, name: str) -> set[str]:
    """The actions that an event's call needed; none where the reference knows none."""
    service = source.removesuffix(".amazonaws.com")
    prefix = _PREFIXES.get(service, service)
    plain = name.rstrip("0123456789v_") if prefix == "lambda" else name
    found = {spec.action for spec in actions_for(prefix, plain) if spec.described and not spec.optional}
    exact = find_action(f"{prefix}:{plain}")
    return found or ({exact.action} if exact else set())


def _policy(actions: set[str]) -> str:
    statements = [{"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}] if actions else []
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _find(ctx: Context, job_id: str) -> Generation:
    found = ctx.get(Generation, job_id)
    if found is None:
        raise errors.invalid(f"The job {job_id} does not exist.")
    return found


def _summary(job: Generation) -> dict[str, Any]:
    wire: dict[str, Any] = {"jobId": job.id, "status": job.status, "startedOn": job.started}
    return wire | ({"completedOn": job.completed} if job.completed else {})


@operation()
def get_generated_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = _find(ctx, req["jobId"])
    properties: dict[str, Any] = {
        "principalArn": job.principal,
        "isComplete": job.status == "SUCCEEDED",
        "cloudTrailProperties": {"trailProperties": job.trails, "startTime": job.start, "endTime": job.end},
    }
    result: dict[str, Any] = {"properties": properties}
    if job.policy:
        result["generatedPolicies"] = [{"policy": job.policy}]
    return {"jobDetails": _summary(job) | ({"jobError": job.error} if job.error else {}), "generatedPolicyResult": result}


@operation()
def list_policy_generations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = [job for job in ctx.where(Generation) if req.get("principalArn") in (None, job.principal)]
    return pages.page_of(req, "policyGenerations", rows, lambda job: job.id, lambda job: {**_summary(job), "principalArn": job.principal})


@operation()
def cancel_policy_generation(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = _find(ctx, req["jobId"])
    if job.status != "IN_PROGRESS":
        raise errors.invalid(f"The job {job.id} is not in progress.")
    ctx.put(replace(job, status="CANCELED", completed=ctx.now))
    return {}
