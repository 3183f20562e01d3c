"""Jobs at work: their manifests are read, their tasks done one after the other, their reports written.

A job of higher priority has those below it paused. What a crash interrupts goes on afterwards; a task may then be done twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime
from itertools import islice
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.s3control import job_manifests
from cloudjar.services.s3control.job_manifests import BadManifest, Listed
from cloudjar.services.s3control.job_tasks import Outcome, perform
from cloudjar.services.s3control.jobs import ENDED, KEPT_DAYS, PRINCIPAL, Job, forget_job

TRIED_BEFORE_GIVING_UP = 1000
"""Tasks after which a job fails that failed more often than not."""
AT_ONCE = 1000
"""Tasks that are stored or removed in one transaction."""
SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"


@record("s3control.task", key=("job", "number"))
class Task(Record):
    """An object that a job is about, and, once it was done, how that went."""

    job: str
    number: int
    bucket: str
    key: str
    version: str = ""
    status: int = 0
    """An HTTP status; 0 for not done yet."""
    code: str = ""
    message: str = ""

    @property
    def listed(self) -> Listed:
        """The line of the manifest."""
        return Listed(self.bucket, self.key, self.version)


def move(ctx: Context, job: Job, status: str) -> Job:
    """Gives a job its next state, and tells of it."""
    changes: dict[str, Any] = {"status": status}
    if status == "Active":
        changes |= {"active_since": ctx.now, "run": ctx.ids.hex(16)}
    elif job.active_since is not None:
        seconds = job.active_seconds + int((ctx.now - job.active_since).total_seconds())
        changes |= {"active_since": None, "active_seconds": seconds}
    if status in ENDED:
        changes["terminated"] = ctx.now
        ctx.after(forget_job, job.id, seconds=KEPT_DAYS * 86_400, housekeeping=True)
    job = ctx.put(replace(job, **changes))
    tell(ctx, job, "JobStatusChanged")
    return job


def tell(ctx: Context, job: Job, what: str) -> None:
    """Publishes what CloudTrail reports of a job."""
    details: dict[str, Any] = {"jobId": job.id, "jobArn": job.arn, "status": job.status, "jobEventId": ctx.ids.hex(32)}
    detail = {
        "eventVersion": "1.05",
        "userIdentity": {"accountId": ctx.account, "invokedBy": "s3.amazonaws.com"},
        "eventTime": ctx.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "s3.amazonaws.com",
        "eventName": what,
        "awsRegion": ctx.region,
        "sourceIPAddress": "s3.amazonaws.com",
        "userAgent": "s3.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "eventID": ctx.ids.uuid(),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "recipientAccountId": ctx.account,
        "serviceEventDetails": details
        | {"failureCodes": [code for code, _ in job.failures], "statusChangeReason": [job.reason] if job.reason else []},
    }
    ctx.emit("aws.s3", "AWS Service Event via CloudTrail", detail, [job.arn])


def give_way(ctx: Context) -> None:
    """The jobs of the highest priority go on; those below them wait."""
    able = [job for job in ctx.where(Job) if job.status in ("Ready", "Active", "Paused")]
    highest = max((job.priority for job in able), default=0)
    for job in able:
        if job.priority == highest and job.status != "Active":
            ctx.effect(work, job.id, move(ctx, job, "Active").run)
        elif job.priority < highest and job.status == "Active":
            move(ctx, job, "Paused")


@effect
async def prepare(ctx: Context, identifier: str) -> None:
    """Reads or makes a job's list; then it is ready, or waits to be confirmed."""
    with ctx.transaction():
        job = ctx.get(Job, identifier)
        if job is None or job.status not in ("New", "Preparing"):
            return
        job = move(ctx, job, "Preparing") if job.status == "New" else job
    try:
        listed, generated = await _list(ctx, job)
    except BadManifest as bad:
        with ctx.transaction():
            job = ctx.get(Job, identifier)
            if job is not None and job.status == "Preparing":
                move(ctx, replace(job, failures=((bad.code, bad.why[:256]),)), "Failed")
        return
    for start in range(0, len(listed), AT_ONCE):
        with ctx.transaction():
            for number, line in enumerate(listed[start : start + AT_ONCE], start):
                ctx.put(Task(identifier, number, *line))
    with ctx.transaction():
        job = ctx.get(Job, identifier)
        if job is None or job.status != "Preparing":
            return
        job = replace(job, total=len(listed), generated=generated)
        if job.needs_confirmation:
            move(ctx, replace(job, suspended=ctx.now), "Suspended")
        else:
            move(ctx, job, "Ready")
            give_way(ctx)


async def _list(ctx: Context, job: Job) -> tuple[list[Listed], dict[str, Any] | None]:
    with ctx.transaction():
        role = _role(ctx, job)
        if "ManifestGenerator" in job.request:
            generator = job.request["ManifestGenerator"]["S3JobManifestGenerator"]
            listed = job_manifests.generate(ctx, role, generator, job.kind == "S3ReplicateObject")
    if "Manifest" in job.request:
        return await job_manifests.read(role, job.request["Manifest"]), None
    return listed, await _write_manifest(ctx, role, job, generator, listed) if generator["EnableManifestOutput"] else None


def _role(ctx: Context, job: Job) -> Context:
    try:
        return ctx.assume(job.role, PRINCIPAL, job.arn)
    except AwsError as error:
        raise BadManifest("AccessDenied", f"The job's role cannot be assumed: {error.message}") from None


async def _write_manifest(ctx: Context, role: Context, job: Job, generator: dict[str, Any], listed: list[Listed]) -> dict[str, Any]:
    """Puts a generated list and its manifest where they were wanted; tells where."""
    place = generator["ManifestOutputLocation"]
    bucket = place["Bucket"].rpartition(":")[2]
    base = "/".join(part for part in (place.get("ManifestPrefix", "").rstrip("/"), f"job-{job.id}") if part)
    data = job_manifests.to_csv(listed)
    key = f"{base}/files/{hashlib.sha1(data, usedforsecurity=False).hexdigest()}.csv"
    manifest = {
        "sourceBucket": generator["SourceBucket"].rpartition(":")[2],
        "destinationBucket": place["Bucket"],
        "version": "2021-11-30",
        "creationTimestamp": str(int(job.created.timestamp() * 1000)),
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId",
        "files": [{"key": key, "size": len(data), "MD5checksum": _md5(data)}],
    }
    kms = (place.get("ManifestEncryption") or {}).get("SSEKMS")
    extra: dict[str, Any] = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms["KeyId"]} if kms else {}
    if "ExpectedManifestBucketOwner" in place:
        extra["ExpectedBucketOwner"] = place["ExpectedManifestBucketOwner"]
    try:
        await role.call_async("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": data, **extra})
        body = json.dumps(manifest).encode()
        put = await role.call_async("s3", "PutObject", {"Bucket": bucket, "Key": f"{base}/manifest.json", "Body": body, **extra})
    except AwsError as error:
        raise BadManifest("ManifestNotWritable", f"The generated manifest could not be written: {error.code}: {error.message}") from None
    location = {"ObjectArn": f"arn:{ctx.partition}:s3:::{bucket}/{base}/manifest.json", "ETag": put["ETag"].strip('"')}
    return {"Format": place["ManifestFormat"], "Location": location}


@effect
async def work(ctx: Context, identifier: str, run: str) -> None:
    """Does a job's tasks until none is left, or another state stops it."""
    while True:
        with ctx.transaction():
            job = ctx.get(Job, identifier)
            if job is None or job.status != "Active" or job.run != run:
                return
            # Tasks are done in order: as many are done as there are outcomes.
            task = ctx.get(Task, identifier, job.succeeded + job.failed)
            if task is None:
                break
            if (
                job.failed > TRIED_BEFORE_GIVING_UP // 2
                and job.succeeded + job.failed >= TRIED_BEFORE_GIVING_UP
                and job.failed > job.succeeded
            ):
                why = ("JobFailureThresholdExceeded", "The job failed because more than 50% of its tasks failed")
                job = move(ctx, replace(job, failures=(why,)), "Failing")
                ctx.effect(finish, identifier, "Failed")
                return
            try:
                role: Context | None = ctx.assume(job.role, PRINCIPAL, job.arn)
                refused = None
            except AwsError as error:
                role, refused = None, Outcome(error.status or 403, error.code, error.message)
        outcome = await perform(ctx, role, job, task.listed, task.number) if role is not None else refused
        assert outcome is not None
        with ctx.transaction():
            job = ctx.get(Job, identifier)
            # A job that was cancelled meanwhile may have been tidied up already.
            if job is None or job.run != run or ctx.get(Task, identifier, task.number) is None:
                return
            ctx.put(replace(task, status=outcome.status, code=outcome.code, message=outcome.message))
            counted = {"failed": job.failed + 1} if outcome.code else {"succeeded": job.succeeded + 1}
            ctx.put(replace(job, **counted))
    with ctx.transaction():
        job = ctx.get(Job, identifier)
        if job is not None and job.status == "Active" and job.run == run:
            move(ctx, job, "Completing")
            ctx.effect(finish, identifier, "Complete")


@effect
async def finish(ctx: Context, identifier: str, status: str) -> None:
    """Writes a job's report and ends it; others may go on then."""
    with ctx.transaction():
        job = ctx.get(Job, identifier)
        if job is None or job.status in ENDED:
            return
        tasks = list(islice(ctx.where(Task, job=identifier), job.succeeded + job.failed))
        now = ctx.now
    failure: tuple[str, str] | None = None
    if job.request["Report"]["Enabled"] and tasks:
        try:
            await _report(ctx, job, tasks, now)
        except AwsError as error:
            failure = ("ReportNotWritable", f"The completion report could not be written: {error.code}: {error.message}"[:256])
    while True:
        with ctx.transaction():
            gone = list(islice(ctx.where(Task, job=identifier), AT_ONCE))
            for task in gone:
                ctx.delete(task)
            if gone:
                continue
            job = ctx.get(Job, identifier)
            if job is not None and job.status not in ENDED:
                job = replace(job, failures=(*job.failures, failure)) if failure else job
                move(ctx, job, "Failed" if failure and status == "Complete" else status)
                give_way(ctx)
            return


async def _report(ctx: Context, job: Job, tasks: list[Task], now: datetime) -> None:
    """The lists of what went well and what did not, and a manifest of them."""
    wanted = job.request["Report"]
    bucket = wanted["Bucket"].rpartition(":")[2]
    base = "/".join(part for part in (wanted.get("Prefix", "").rstrip("/"), f"job-{job.id}") if part)
    extra = {"ExpectedBucketOwner": wanted["ExpectedBucketOwner"]} if "ExpectedBucketOwner" in wanted else {}
    with ctx.transaction():
        role = ctx.assume(job.role, PRINCIPAL, job.arn)
    results = []
    for status in ("succeeded", "failed"):
        rows = [
            (task.bucket, task.key, task.version, status, str(task.status), task.code, task.message)
            for task in tasks
            if (status == "failed") == bool(task.code)
        ]
        if not rows or (status == "succeeded" and wanted["ReportScope"] == "FailedTasksOnly"):
            continue
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        data = text.getvalue().encode()
        key = f"{base}/results/{hashlib.sha1(f'{job.id} {status}'.encode(), usedforsecurity=False).hexdigest()}.csv"
        await role.call_async("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": data, **extra})
        results.append({"TaskExecutionStatus": status, "Bucket": bucket, "MD5Checksum": _md5(data), "Key": key})
    manifest = json.dumps(
        {
            "Format": wanted["Format"],
            "ReportCreationDate": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "Results": results,
            "ReportSchema": SCHEMA,
        }
    ).encode()
    for key, data in ((f"{base}/manifest.json", manifest), (f"{base}/manifest.json.md5", _md5(manifest).encode())):
        await role.call_async("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": data, **extra})


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
