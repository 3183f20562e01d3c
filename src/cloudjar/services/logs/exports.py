"""Export tasks: a group's events as compressed files in a bucket."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime
from typing import Any

from cloudjar.kernel import paging
from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation
from cloudjar.kernel.paging import PageMembers
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_arn, group_resource, milliseconds
from cloudjar.services.logs.reading import Reader
from cloudjar.services.logs.streams import LogStream

PREFIX = "exportedlogs"
OWNERS = "bucket-owner-full-control"
"""What is written belongs to the bucket's owner; the policies that AWS documents ask for it."""
TEST_KEY = "aws-logs-write-test"
_READ_AT_ONCE = 500
_IN_A_FILE = 50_000


@record("logs.export", key="id", indexes={"open": ("is_open", "id")})
class ExportTask(Record):
    """An export of the events of [start, end), in milliseconds since 1970."""

    id: str
    name: str | None
    group: str
    stream_prefix: str
    start: int
    end: int
    bucket: str
    prefix: str
    created: datetime
    status: str = "PENDING"
    message: str = ""
    ended: datetime | None = None

    @property
    def is_open(self) -> int | None:
        """1 while it is not over: only one task of an account and Region is."""
        return 1 if self.status in ("PENDING", "RUNNING", "PENDING_CANCEL") else None


def _writer(ctx: Context, group: str) -> Context:
    return ctx.as_service(f"logs.{ctx.region}.amazonaws.com", group_arn(ctx, group) + ":*")


@operation(on=group_resource)
async def create_export_task(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req["from"] >= req["to"]:
        raise errors.invalid("The parameter 'from' must be less than the parameter 'to'.")
    with ctx.transaction():
        group = find_group(ctx, req["logGroupName"])
        _check_free(ctx)
        writer = _writer(ctx, group.name)
    bucket, prefix = req["destination"], (req.get("destinationPrefix") or PREFIX).strip("/")
    for action, request in (
        ("GetBucketAcl", {"Bucket": bucket}),
        ("PutObject", {"Bucket": bucket, "Key": f"{prefix}/{TEST_KEY}", "Body": b"Permission Check Successful", "ACL": OWNERS}),
    ):
        try:
            await writer.call_async("s3", action, request)
        except AwsError as error:
            if error.code == "NoSuchBucket":
                raise errors.invalid("The specified bucket does not exist.") from None
            raise errors.invalid(
                f"{action} call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform "
                "this operation."
            ) from None
    with ctx.transaction():
        _check_free(ctx)
        streams = req.get("logStreamNamePrefix") or ""
        task = ExportTask(
            ctx.ids.uuid(), req.get("taskName"), group.name, streams, req["from"], req["to"], bucket, prefix, ctx.now
        )  # fmt: skip
        ctx.put(task)
        ctx.effect(export, task.id)
    return {"taskId": task.id}


def _check_free(ctx: Context) -> None:
    if ctx.where(ExportTask, is_open=1).first() is not None:
        raise errors.limit_exceeded()


@effect
async def export(ctx: Context, task_id: str) -> None:
    """Writes the files of a task."""
    with ctx.transaction():
        task = ctx.get(ExportTask, task_id)
        if task is None or task.status != "PENDING":
            if task is not None and task.status == "PENDING_CANCEL":
                ctx.put(replace(task, status="CANCELLED", ended=ctx.now))
            return
        ctx.put(replace(task, status="RUNNING"))
        group = ctx.get(LogGroup, task.group)
        streams: list[tuple[Reader, LogStream]] = []
        if group is not None:
            reader = Reader(ctx, group)
            streams = [(reader, one) for one in ctx.where(LogStream, group=group.uid) if one.name.startswith(task.stream_prefix)]
    status, message = "COMPLETED", "Completed successfully"
    try:
        for reader, stream in streams:
            if not await _export_stream(ctx, task, reader, stream):
                status, message = "CANCELLED", "Cancelled"
                break
    except AwsError as error:
        status, message = "FAILED", error.message
    with ctx.transaction():
        task = ctx.get(ExportTask, task_id)
        if task is not None:
            ctx.put(replace(task, status=status, message=message, ended=ctx.now))


async def _export_stream(ctx: Context, task: ExportTask, reader: Reader, stream: LogStream) -> bool:
    """Writes a stream's files; False if the task was cancelled."""
    position: bytes | None = None
    number = 0
    lines: list[str] = []
    more = True
    while more:
        with ctx.transaction():
            known = ctx.get(ExportTask, task.id)
            if known is None or known.status != "RUNNING":
                return False
            rows = ctx.where(LogEvent, group=stream.group, stream=stream.uid).starting(task.start).ending(task.end)
            rows = rows.resuming(position) if position else rows
            read = 0
            for at, event in rows.positions():
                position = at
                event = reader(event)
                lines.append(f"{_stamp(event.time)} {event.message}\n")
                read += 1
                if read == _READ_AT_ONCE:
                    break
        more = read == _READ_AT_ONCE
        if len(lines) >= _IN_A_FILE or (lines and not more):
            body = await ctx.offload(_packed, lines)
            key = f"{task.prefix}/{task.id}/{stream.name.replace('/', '-')}/{number:06d}.gz"
            request = {"Bucket": task.bucket, "Key": key, "Body": body, "ACL": OWNERS}
            await _writer(ctx, task.group).call_async("s3", "PutObject", request)
            number, lines = number + 1, []
        await asyncio.sleep(0)
    return True


def _packed(lines: list[str]) -> bytes:
    return gzip.compress("".join(lines).encode("utf-8", "surrogatepass"), mtime=0)


def _stamp(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time % 1000:03d}Z"


@operation()
def cancel_export_task(ctx: Context, req: dict[str, Any]) -> None:
    task = ctx.get(ExportTask, req["taskId"])
    if task is None:
        raise AwsError("ResourceNotFoundException", "The specified export task does not exist.")
    if task.is_open is None or task.status == "PENDING_CANCEL":
        raise AwsError("InvalidOperationException", "The specified export task is already finished.")
    ctx.put(replace(task, status="PENDING_CANCEL"))


@operation()
def describe_export_tasks(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(ExportTask)
    if req.get("taskId"):
        rows = ctx.where(ExportTask, id=req["taskId"])
    if req.get("statusCode"):
        rows = rows.filtered(lambda task: task.status == req["statusCode"])
    members = PageMembers("nextToken", "nextToken", "limit", "exportTasks")
    return paging.page(members, req, rows, _wire, default=50, maximum=50, error=errors.invalid_token())


def _wire(task: ExportTask) -> dict[str, Any]:
    status = {"code": task.status} | ({"message": task.message} if task.message else {})
    info = {"creationTime": milliseconds(task.created)} | ({"completionTime": milliseconds(task.ended)} if task.ended else {})
    wire: dict[str, Any] = {
        "taskId": task.id,
        "logGroupName": task.group,
        "from": task.start,
        "to": task.end,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": status,
        "executionInfo": info,
    }
    return wire | ({"taskName": task.name} if task.name else {})
