"""Tags of keys."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.paging import decode_token, encode_token
from cloudjar.services.kms import errors
from cloudjar.services.kms.find import check_not_leaving, managed_key, own_key

PAGE = 50


def read_tags(items: list[dict[str, str]] | None) -> dict[str, str]:
    """The tags in a request; TagException for keys that repeat."""
    found = tags.from_list(items, "TagKey", "TagValue")
    if len(found) < len(items or ()):
        raise errors.repeated_tags()
    return found


@operation(on=managed_key)
def tag_resource(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    check_not_leaving(key)
    added = read_tags(req["Tags"])
    tags.check({**ctx.tags(key.arn), **added}, "TagException")
    ctx.add_tags(key.arn, added)


@operation(on=managed_key)
def untag_resource(ctx: Context, req: dict[str, Any]) -> None:
    key = own_key(ctx, req["KeyId"])
    check_not_leaving(key)
    ctx.remove_tags(key.arn, req["TagKeys"])


@operation(on=managed_key)
def list_resource_tags(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = tags.to_list(ctx.tags(own_key(ctx, req["KeyId"]).arn), "TagKey", "TagValue")
    start = 0
    if marker := req.get("Marker"):
        text = decode_token(marker, errors.invalid_marker())
        if not text.isdigit():
            raise errors.invalid_marker()
        start = int(text)
    end = start + min(req.get("Limit") or PAGE, PAGE)
    answer: dict[str, Any] = {"Tags": found[start:end], "Truncated": end < len(found)}
    if answer["Truncated"]:
        answer["NextMarker"] = encode_token(str(end).encode())
    return answer
