"""Pages and their opaque tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.records import R
from cloudjar.kernel.rows import Rows


class PageMembers(msgspec.Struct, frozen=True):
    """Which members of an operation carry its pages, from botocore's paginator data."""

    input_token: str
    output_token: str
    limit: str | None
    result: str
    more: str | None = None
    """The member that says whether there is more ("IsTruncated"), where the operation has one."""


_SUM = 4
"""Bytes of a token's checksum: what was mistyped or made up is told from what a page gave out."""


def encode_token(position: bytes) -> str:
    """A position as an opaque token."""
    return base64.urlsafe_b64encode(crc32(position).to_bytes(_SUM, "big") + position).decode().rstrip("=")


def decode_token(token: str, error: AwsError) -> bytes:
    """The position in a token; raises `error` for what no page ever gave out."""
    try:
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise error from None
    checksum, position = raw[:_SUM], raw[_SUM:]
    if checksum != crc32(position).to_bytes(_SUM, "big"):
        raise error
    return position


def page(
    members: PageMembers,
    req: dict[str, Any],
    rows: Rows[R],
    to_wire: Callable[[R], Any],
    *,
    default: int,
    maximum: int,
    error: AwsError,
) -> dict[str, Any]:
    """One page of `rows` as the operation's answer."""
    limit = min(int(req.get(members.limit) or default), maximum) if members.limit else maximum
    token = req.get(members.input_token)
    if token:
        rows = rows.resuming(decode_token(token, error))
    items: list[Any] = []
    last = b""
    answer: dict[str, Any] = {members.result: items}
    for position, row in rows.positions():
        if len(items) >= limit:
            answer[members.output_token] = encode_token(last)
            break
        items.append(to_wire(row))
        last = position
    if members.more:
        answer[members.more] = members.output_token in answer
    return answer
