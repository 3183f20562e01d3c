"""S3 Batch Operations jobs: made, described, confirmed, cancelled.

Source: "Performing object operations in bulk with Batch Operations" in the Amazon S3 User Guide.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.tags import to_list
from cloudjar.services.s3control import errors
from cloudjar.services.s3control.accounts import check_account
from cloudjar.services.s3control.tags import checked

PRINCIPAL = "batchoperations.s3.amazonaws.com"
PAGE = 1000
KEPT_DAYS = 90
WAITING = ("New", "Preparing", "Suspended", "Ready", "Active", "Paused")
"""States of a job that has not ended, and can be cancelled."""
ENDED = ("Cancelled", "Complete", "Failed")
_REFUSED = {"S3ComputeObjectChecksum": "computing checksums", "S3UpdateObjectEncryption": "changing encryption in place"}
_KEPT = ("Operation", "Report", "Manifest", "ManifestGenerator", "Description", "RoleArn")


@record("s3control.job", key="id", indexes={"made": ("number", "id"), "token": ("token", "id")})
class Job(Record):
    """A job. `request` is what CreateJob said of it, in AWS's spelling."""

    id: str
    arn: str
    number: int
    """How many jobs were made before it."""
    created: datetime
    token: str
    priority: int
    request: dict[str, Any]
    needs_confirmation: bool = False
    status: str = "New"
    run: str = ""
    """Which of its runs works on it: an older one that comes back ends."""
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    reason: str = ""
    failures: tuple[tuple[str, str], ...] = ()
    """(code, reason) of what ended it."""
    terminated: datetime | None = None
    suspended: datetime | None = None
    active_since: datetime | None = None
    active_seconds: int = 0
    """Before it last became active."""
    generated: dict[str, Any] | None = None

    @property
    def role(self) -> str:
        """Whom its tasks are done as."""
        return str(self.request["RoleArn"])

    @property
    def kind(self) -> str:
        """The name of its operation."""
        return str(next(iter(self.request["Operation"])))


def job_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about for operations on a job."""
    return ctx.arn("s3", f"job/{req['JobId']}")


def find_job(ctx: Context, req: dict[str, Any]) -> Job:
    """The job that a request names; raises NoSuchJob."""
    check_account(ctx, req)
    found = ctx.get(Job, req["JobId"])
    if found is None:
        raise errors.no_such_job()
    return found


@operation()
def create_job(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3control.job_runs import prepare, tell

    check_account(ctx, req)
    _check(req)
    wanted = {member: req[member] for member in _KEPT if member in req}
    known = ctx.where(Job, token=req["ClientRequestToken"]).first()
    if known is not None:
        if (known.request, known.priority) != (wanted, req["Priority"]):
            raise errors.idempotency()
        return {"JobId": known.id}
    identifier = ctx.ids.uuid()
    arn = ctx.arn("s3", f"job/{identifier}")
    ctx.set_tags(arn, checked({}, req.get("Tags") or []))
    job = ctx.put(
        Job(
            id=identifier,
            arn=arn,
            number=ctx.world.step(ctx._open(), "s3control-job"),
            created=ctx.now,
            token=req["ClientRequestToken"],
            priority=req["Priority"],
            request=wanted,
            needs_confirmation=bool(req.get("ConfirmationRequired")),
        )
    )
    tell(ctx, job, "JobCreated")
    ctx.effect(prepare, job.id)
    return {"JobId": job.id}


def _check(req: dict[str, Any]) -> None:
    if len(req["Operation"]) != 1:
        raise errors.invalid_request("Exactly one operation must be specified")
    [(name, about)] = req["Operation"].items()
    if name in _REFUSED:
        raise not_implemented("s3control", "CreateJob", _REFUSED[name])
    if name == "LambdaInvoke" and ("FunctionArn" not in about or about.get("InvocationSchemaVersion", "1.0") not in ("1.0", "2.0")):
        raise errors.invalid_request("Invalid LambdaInvoke operation")
    if name == "LambdaInvoke" and "UserArguments" in about and about.get("InvocationSchemaVersion") != "2.0":
        raise errors.invalid_request("UserArguments need the InvocationSchemaVersion 2.0")
    if name == "S3PutObjectCopy":
        if "TargetResource" not in about:
            raise errors.invalid_request("S3PutObjectCopy needs a TargetResource")
        if "ObjectLockEventHold" in about or "ObjectLockEventHoldDuration" in about:
            raise not_implemented("s3control", "CreateJob", "event holds")
    if name == "S3PutObjectRetention" and not {"EventHold", "EventHoldDuration"}.isdisjoint(about["Retention"]):
        raise not_implemented("s3control", "CreateJob", "event holds")
    report = req["Report"]
    if report["Enabled"] and not {"Bucket", "Format", "ReportScope"} <= report.keys():
        raise errors.invalid_request("A report needs a Bucket, a Format and a ReportScope")
    if ("Manifest" in req) == ("ManifestGenerator" in req):
        raise errors.invalid_request("Exactly one of Manifest and ManifestGenerator must be specified")
    if "Manifest" in req:
        _check_manifest(req["Manifest"]["Spec"])
    elif "S3JobManifestGenerator" not in req["ManifestGenerator"]:
        raise errors.invalid_request("A ManifestGenerator needs an S3JobManifestGenerator")
    elif (generator := req["ManifestGenerator"]["S3JobManifestGenerator"])["EnableManifestOutput"] and (
        "ManifestOutputLocation" not in generator
    ):
        raise errors.invalid_request("EnableManifestOutput needs a ManifestOutputLocation")


def _check_manifest(spec: dict[str, Any]) -> None:
    fields = spec.get("Fields")
    if spec["Format"] == "S3BatchOperations_CSV_20180820":
        named = [field for field in fields or () if field != "Ignore"]
        if not {"Bucket", "Key"} <= set(named) or len(named) != len(set(named)):
            raise errors.invalid_request("Manifest fields must include Bucket and Key, each at most once")
    elif fields:
        raise errors.invalid_request("Fields are for manifests of the format S3BatchOperations_CSV_20180820 only")


@operation(on=job_arn)
def describe_job(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    job = find_job(ctx, req)
    wire = {
        **{member: value for member, value in job.request.items() if member != "Operation"},
        **_summary(ctx, job),
        "ConfirmationRequired": job.needs_confirmation,
        "JobArn": job.arn,
        "Operation": job.request["Operation"],
        "FailureReasons": [{"FailureCode": code, "FailureReason": reason} for code, reason in job.failures],
    }
    optional = {
        "StatusUpdateReason": job.reason or None,
        "SuspendedDate": job.suspended,
        "SuspendedCause": "Awaiting Job Confirmation" if job.suspended is not None else None,
        "GeneratedManifestDescriptor": job.generated,
    }
    return {"Job": wire | {member: value for member, value in optional.items() if value is not None}}


def _summary(ctx: Context, job: Job) -> dict[str, Any]:
    """What ListJobs and DescribeJob both tell."""
    seconds = job.active_seconds + (int((ctx.now - job.active_since).total_seconds()) if job.active_since else 0)
    wire = {
        "JobId": job.id,
        "Operation": job.kind,
        "Priority": job.priority,
        "Status": job.status,
        "CreationTime": job.created,
        "ProgressSummary": {
            "TotalNumberOfTasks": job.total,
            "NumberOfTasksSucceeded": job.succeeded,
            "NumberOfTasksFailed": job.failed,
            "Timers": {"ElapsedTimeInActiveSeconds": seconds},
        },
    }
    if "Description" in job.request:
        wire["Description"] = job.request["Description"]
    return wire | ({"TerminationDate": job.terminated} if job.terminated is not None else {})


@operation()
def list_jobs(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    check_account(ctx, req)
    wanted = req.get("JobStatuses") or ()
    before = None
    if "NextToken" in req:
        text = decode_token(req["NextToken"], errors.invalid_token())
        if not text.isdigit():
            raise errors.invalid_token()
        before = int(text)
    limit = req.get("MaxResults") or PAGE
    answer: dict[str, Any] = {"Jobs": []}
    last = 0
    # The newest first.
    for job in reversed(list(ctx.ordered_by(Job, "made"))):
        if (before is not None and job.number >= before) or (wanted and job.status not in wanted):
            continue
        if len(answer["Jobs"]) == limit:
            answer["NextToken"] = encode_token(str(last).encode())
            break
        answer["Jobs"].append(_summary(ctx, job))
        last = job.number
    return answer


@operation(on=job_arn)
def update_job_priority(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3control.job_runs import give_way

    job = find_job(ctx, req)
    if job.status in ENDED:
        raise errors.invalid_request(f"The priority of a job in the state {job.status} cannot be changed")
    ctx.put(replace(job, priority=req["Priority"]))
    give_way(ctx)
    return {"JobId": job.id, "Priority": req["Priority"]}


@operation(on=job_arn)
def update_job_status(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.s3control.job_runs import finish, give_way, move

    job, status = find_job(ctx, req), req["RequestedJobStatus"]
    job = replace(job, reason=req.get("StatusUpdateReason") or job.reason)
    if status == "Ready" and job.status == "Suspended":
        job = move(ctx, replace(job, suspended=None), "Ready")
        give_way(ctx)
    elif status == "Cancelled" and job.status in WAITING:
        job = move(ctx, job, "Cancelling")
        ctx.effect(finish, job.id, "Cancelled")
    else:
        raise errors.job_status(job.status, status)
    return {"JobId": job.id, "Status": job.status} | ({"StatusUpdateReason": job.reason} if job.reason else {})


@operation(on=job_arn)
def put_job_tagging(ctx: Context, req: dict[str, Any]) -> None:
    ctx.set_tags(find_job(ctx, req).arn, checked({}, req["Tags"]))


@operation(on=job_arn)
def get_job_tagging(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": to_list(ctx.tags(find_job(ctx, req).arn))}


@operation(on=job_arn)
def delete_job_tagging(ctx: Context, req: dict[str, Any]) -> None:
    ctx.set_tags(find_job(ctx, req).arn, {})


@timer
def forget_job(ctx: Context, identifier: str) -> None:
    """A job that ended long ago is not told of any more."""
    job = ctx.get(Job, identifier)
    if job is not None:
        ctx.set_tags(job.arn, {})
        ctx.delete(job)
