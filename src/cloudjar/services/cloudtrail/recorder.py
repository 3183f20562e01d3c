"""Every call, kept: noted in memory as it ends, and stored with others a moment later.

A call costs a note; what a `kill -9` takes from the trail is the last second's notes. State itself never waits for the trail.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.events import Event
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.principal import service as service_principal
from cloudjar.kernel.records import Record, record, replace
from cloudjar.kernel.store import StoreFull
from cloudjar.kernel.trail import API_CALL, TrailReader
from cloudjar.kernel.world import DEFAULT_ACCOUNT, World

if TYPE_CHECKING:
    from cloudjar.services.cloudtrail.trails import Trail

STORE_AFTER_SECONDS = 1.0
NOTES_KEPT = 1000
"""Notes that are stored at once, without waiting."""
EVENTS_KEPT = 20_000
"""For each account and Region; older ones go. AWS keeps 90 days, whatever their number."""
LONGEST_TEXT = 2048
DEEPEST = 12
_NAMES = uuid.UUID("5c8f3a1e-0d1b-4b52-9a63-2f7d0c9e4a11")
"""The name space of the ids that the recorder itself makes: for calls between services, and for what two accounts see."""

_S3_DATA = frozenset(
    {
        "AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject", "DeleteObjects",
        "DeleteObjectTagging", "GetObject", "GetObjectAcl", "GetObjectAttributes", "GetObjectLegalHold", "GetObjectRetention",
        "GetObjectTagging", "HeadBucket", "HeadObject", "ListMultipartUploads", "ListObjects", "ListObjectsV2", "ListObjectVersions",
        "ListParts", "PostObject", "PutObject", "PutObjectAcl", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging",
        "RestoreObject", "SelectObjectContent", "UploadPart", "UploadPartCopy",
    }
)  # fmt: skip
DATA: dict[str, frozenset[str]] = {
    "s3": _S3_DATA,
    "lambda": frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"}),
    "dynamodb": frozenset(
        {
            "BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "ExecuteStatement", "ExecuteTransaction", "GetItem",
            "PutItem", "Query", "Scan", "TransactGetItems", "TransactWriteItems", "UpdateItem",
        }
    ),
    "sqs": frozenset(
        {
            "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "DeleteMessage", "DeleteMessageBatch", "ReceiveMessage",
            "SendMessage", "SendMessageBatch",
        }
    ),
    "sns": frozenset({"Publish", "PublishBatch"}),
    "dynamodbstreams": frozenset({"GetRecords", "GetShardIterator"}),
    "kinesis": frozenset({"GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"}),
    "logs": frozenset({"FilterLogEvents", "GetLogEvents", "PutLogEvents", "StartLiveTail"}),
    "cloudwatch": frozenset({"GetMetricData", "GetMetricStatistics", "PutMetricData"}),
    "xray": frozenset({"PutTelemetryRecords", "PutTraceSegments"}),
}  # fmt: skip
"""Operations that are data events: only trails that ask for them have them."""


@record("cloudtrail.call", key="number")
class CallEvent(Record):
    """One call, as it was."""

    number: int
    time: datetime
    request_id: str
    service: str
    operation: str
    principal: Principal
    source_ip: str
    user_agent: str
    url: str
    request: bytes
    """The parameters, packed; secrets and large values are left out."""
    response: bytes = b""
    error: str = ""
    message: str = ""
    data: bool = False
    invoked_by: str = ""
    """The service that called, for itself or for its caller."""
    shared: str = ""
    """An id that the events of two accounts about one call have in common."""
    event: bytes = b""
    """What a service did by itself, whole, packed: the members above only find it."""


@record("cloudtrail.head", key="region", scope="account")
class Head(Record):
    """How many calls an account has had in a Region."""

    region: str
    number: int = 0


class _Note(NamedTuple):
    ctx: Context
    time: datetime
    request: Any
    response: Any
    failure: AwsError | None
    data: bool


class Recorder:
    """A world's notes that are not stored yet. A part of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._notes: list[_Note] = []
        self._alarm: asyncio.TimerHandle | None = None
        self.wants_data = True
        """Whether any trail takes data events; found out when first stored."""

    def note(self, ctx: Context, request: Any, response: Any, failure: AwsError | None, ended: datetime | None = None) -> None:
        """Remembers a call that has ended: just now, or when `ended` says."""
        call = ctx.call_info
        data = call.operation in DATA.get(call.service, ())
        if data and not self.wants_data:
            return
        self._notes.append(_Note(ctx, ended or self._world.clock.now(), request, response, failure, data))
        if len(self._notes) >= NOTES_KEPT:
            self.store()
        elif self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(STORE_AFTER_SECONDS, self.store)

    def store(self) -> None:
        """Stores what has been noted, in one transaction of its own."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        from cloudjar.identity.accessed import Accessed

        notes, self._notes = self._notes, []
        while notes:
            try:
                with self._world.store.transaction() as txn:
                    ctx = self._world.context(txn, handler="services.cloudtrail.recorder:store")
                    self.wants_data = _any_trail_wants_data(ctx)
                    self._world.part(Accessed).store(ctx)
                    _store(ctx, [note for note in notes if self.wants_data or not note.data])
                return
            except StoreFull:
                continue

    async def close(self) -> None:
        """The world is closing."""
        self.store()


def _any_trail_wants_data(ctx: Context) -> bool:
    from cloudjar.services.cloudtrail.trails import DataTrail

    return ctx.where(DataTrail).first() is not None


def place(service: str, region: str) -> str:
    """The Region in whose trail a call is: that of a service without Regions is its home."""
    from cloudjar.identity.principal_keys import GLOBAL_REGIONS
    from cloudjar.identity.service_reference import prefix_of

    return GLOBAL_REGIONS.get(prefix_of(service)) or region


def keep(ctx: Context, event: Event) -> None:
    """Puts what a service has published of itself into its account's trail."""
    head = ctx.get(Head, ctx.region) or Head(ctx.region)
    detail, number = event.detail, head.number + 1
    principal = service_principal(detail["eventSource"], ctx.account)
    by = detail["userIdentity"]["invokedBy"]
    call = CallEvent(number, event.time, "", event.source.removeprefix("aws."), detail["eventName"], principal, by, by, "", b"")
    ctx.put(replace(call, event=msgspec.msgpack.encode(detail)))
    ctx.put(replace(head, number=number))


def tell(ctx: Context, call: CallEvent, trails: list[Trail], *, reads: bool = False) -> None:
    """Publishes a call for EventBridge's rules, if one of the trails takes it: a client's own, that changes something unless some
    want `reads`.

    AWS tells services' calls too, and a rule whose target makes such calls then calls itself for ever.
    """
    from cloudjar.services.cloudtrail.events import event_of, source_of
    from cloudjar.services.cloudtrail.selectors import takes

    if not trails or call.invoked_by or (is_read_only(call.operation) and (call.data or not reads)):
        return
    event = event_of(call, ctx.region, ctx.account)
    if any(takes(trail, event) for trail in trails):
        ctx.emit(f"aws.{source_of(call).partition('.')[0]}", API_CALL, event)


def _store(ctx: Context, notes: Iterable[_Note]) -> None:
    trails: dict[tuple[str, str], _Calls] = {}
    places: dict[tuple[str, str], str] = {}
    for note in notes:
        account = note.ctx.account or DEFAULT_ACCOUNT
        asked = (note.ctx.call_info.service, note.ctx.region)
        region = places.get(asked) or places.setdefault(asked, place(*asked))
        other = _other_account(note, account)
        shared = ""
        for each in (account, other) if other else (account,):
            trail = trails.get((each, region)) or trails.setdefault((each, region), _Calls(ctx, each, region))
            trail.number += 1
            if other and not shared:
                shared = _uuid("shared", each, region, trail.number)
            event = _event(note, each, region, trail.number, shared)
            trail.ctx.put(event)
            tell(trail.ctx, event, trail.logged_by, reads=trail.reads)
            if trail.number > EVENTS_KEPT:
                old = trail.ctx.get(CallEvent, trail.number - EVENTS_KEPT)
                if old is not None:
                    trail.ctx.delete(old)
    for trail in trails.values():
        trail.ctx.put(replace(trail.head, number=trail.number))


class _Calls:
    """The calls of an account in a Region, while some are added."""

    def __init__(self, ctx: Context, account: str, region: str) -> None:
        from cloudjar.services.cloudtrail.trails import logging_here

        self.ctx = ctx.at(account=account, region=region)
        self.logged_by = logging_here(self.ctx)
        self.reads = bool(self.logged_by) and self.ctx.where(TrailReader).first() is not None
        self.head = self.ctx.get(Head, region) or Head(region)
        self.number = self.head.number


def _event(note: _Note, account: str, region: str, number: int, shared: str) -> CallEvent:
    call, failure, by = note.ctx.call_info, note.failure, invoked_by(note.ctx)
    response = note.response if failure is None and not is_read_only(call.operation) else None
    return CallEvent(
        number,
        note.time,
        # What a service calls is a request of its own.
        _uuid("request", account, region, number) if by else call.request_id,
        call.service,
        call.operation,
        note.ctx.principal,
        by or call.source_ip,
        by or call.user_agent,
        call.url,
        pack(note.request),
        pack(response) if response else b"",
        failure.code if failure else "",
        failure.message if failure else "",
        note.data,
        by,
        shared,
    )


def _other_account(note: _Note, account: str) -> str:
    """The account that sees a call besides the caller's: that of a role that was assumed."""
    call = note.ctx.call_info
    if call.service != "sts" or note.failure is not None or call.operation != "AssumeRole":
        return ""
    other: str = note.request["RoleArn"].split(":")[4]
    return other if other != account else ""


def _uuid(kind: str, account: str, region: str, number: int) -> str:
    return str(uuid.uuid5(_NAMES, f"{kind} {account} {region} {number}"))


def invoked_by(ctx: Context) -> str:
    """The service that makes a call; empty for a client's own."""
    if ctx.call_info.headers:
        return ""
    principal = ctx.principal
    via = ctx.call_info.via
    return principal.arn if principal.kind == "service" else principal.invoked_by or (via[-1] if via else "")


def is_read_only(operation: str) -> bool:
    """Whether an operation changes nothing, as its name says."""
    return operation.startswith(
        ("Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "BatchGet", "Select", "Test", "Simulate")
    )


def pack(value: Any) -> bytes:
    """Parameters as they are kept."""
    return msgspec.msgpack.encode(_plain(value, 0))


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT]
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    if depth < DEEPEST and isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items() if _is_shown(key, item)}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value[:100]]
    return None


HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
_SECRET = frozenset(
    {
        "password", "newpassword", "oldpassword", "masteruserpassword", "secretaccesskey", "secretstring", "secretbinary", "privatekey",
        "plaintext", "tokencode", "authenticationcode1", "authenticationcode2", "samlassertion", "webidentitytoken", "zipfile",
        "base32stringseed", "qrcodepng", "variables", "certificatebody", "ciphertextblob", "body",
    }
)  # fmt: skip


def _is_shown(key: str, value: Any) -> bool:
    return key.lower() not in _SECRET and not isinstance(value, bytes)
