"""When a key was last used for cryptography, and for what. Source: GetKeyLastUsage, AWS KMS API Reference."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record
from cloudjar.services.kms.find import managed_key, own_key
from cloudjar.services.kms.records import Key, home


@record("kms_usage.last", key="key_id")
class LastUse(Record):
    """The last success with a key. In a family of its own: what the judge remembers of keys and grants stays right when one is used."""

    key_id: str
    operation: str
    time: datetime
    request_id: str = ""


def note_use(ctx: Context, key: Key) -> None:
    """Remembers that the operation under way has succeeded with a key."""
    home(ctx, key).put(LastUse(key.id, ctx.call_info.operation, ctx.now, ctx.call_info.request_id))


@operation(on=managed_key)
def get_key_last_usage(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    key = own_key(ctx, req["KeyId"])
    last = ctx.get(LastUse, key.id)
    told: dict[str, Any] = {}
    if last is not None:
        told = {"Operation": last.operation, "Timestamp": last.time}
        if last.request_id:
            told["KmsRequestId"] = last.request_id
    return {"KeyId": key.id, "KeyLastUsage": told, "TrackingStartDate": key.created, "KeyCreationDate": key.created}
