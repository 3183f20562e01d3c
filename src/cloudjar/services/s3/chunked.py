"""Bodies that come in aws-chunked encoding, as plain bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from cloudjar.services.s3 import errors
from cloudjar.wire.aws_chunked import Data, Decoder, Event, Trailers
from cloudjar.wire.http import Body
from cloudjar.wire.values import Malformed


def decoded_length(headers: Mapping[str, str]) -> int | None:
    """How many bytes the encoding holds, as the client says."""
    text = headers.get("x-amz-decoded-content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise errors.invalid_argument("x-amz-decoded-content-length is not a number", "x-amz-decoded-content-length", text)
    return int(text)


async def decoded(body: Body, trailers: dict[str, str]) -> AsyncIterator[bytes]:
    """The bytes inside; `trailers` is filled at the end. Raises IncompleteBody for an encoding that is broken or stops early."""
    decoder = Decoder()
    try:
        async for chunk in body:
            for data in _take(decoder.feed(chunk), trailers):
                yield data
        for data in _take(decoder.end(), trailers):
            yield data
    except Malformed:
        raise errors.incomplete_chunks() from None


def _take(events: list[Event], trailers: dict[str, str]) -> list[bytes]:
    found = []
    for event in events:
        if isinstance(event, Data):
            found.append(event.data)
        elif isinstance(event, Trailers):
            trailers.update(event.headers)
    return found
