"""An answer that comes in pieces, from the runtime's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudjar.services.lambda_.response_stream import ResponseStream
from cloudjar.services.lambda_.runtime_api import LARGEST_RESPONSE

if TYPE_CHECKING:
    from cloudjar.services.lambda_.runtime_turns import Turns


class StreamedAnswer:
    """An answer that comes in pieces: passed on as it comes, or gathered for a caller who wants it whole."""

    def __init__(self, turns: Turns, request_id: str, out: ResponseStream | None) -> None:
        self._turns = turns
        self._id = request_id
        self._out = out
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._out is not None:
            self._out.feed(data)
        elif self._size <= LARGEST_RESPONSE:
            self._pieces.append(data)

    def end(self, error_type: str, error: bytes) -> None:
        if error_type:
            self._turns.error(self._id, error, error_type)
        elif self._out is None and self._size > LARGEST_RESPONSE:
            self._turns.too_large(self._id, self._size)
        else:
            self._turns.response(self._id, b"".join(self._pieces))
