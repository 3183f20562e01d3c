"""The framing of event streams (application/vnd.amazon.eventstream), sans-I/O.

Source: "Amazon Event Stream Specification" in Smithy's documentation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from cloudjar.wire.values import Malformed, from_epoch, to_epoch

MAX_MESSAGE = 25 * 1024 * 1024
MAX_HEADERS = 128 * 1024
PRELUDE = struct.Struct(">III")


@dataclass(slots=True)
class Message:
    """One message: typed headers and a payload."""

    headers: dict[str, Any]
    payload: bytes = b""


def encode(message: Message) -> bytes:
    """A message as bytes on the wire."""
    headers = b"".join([encode_header(name, value) for name, value in message.headers.items()])
    total = 16 + len(headers) + len(message.payload)
    prelude = struct.pack(">II", total, len(headers))
    head = prelude + struct.pack(">I", crc32(prelude)) + headers
    return head + message.payload + struct.pack(">I", crc32(message.payload, crc32(head)))


def encode_header(name: str, value: Any) -> bytes:
    """One header, its type chosen by the value's."""
    raw = name.encode()
    head = bytes([len(raw)]) + raw
    if isinstance(value, bool):
        return head + (b"\0" if value else b"\1")
    if isinstance(value, int):
        return head + (struct.pack(">Bi", 4, value) if -(2**31) <= value < 2**31 else struct.pack(">Bq", 5, value))
    if isinstance(value, datetime):
        return head + struct.pack(">Bq", 8, round(to_epoch(value) * 1000))
    data, kind = (value, 6) if isinstance(value, bytes) else (str(value).encode(), 7)
    return head + struct.pack(">BH", kind, len(data)) + data


class Decoder:
    """Bytes in as they come, messages out as they are whole. Malformed where a checksum or a length is wrong."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= 12:
            total, header_length, checksum = PRELUDE.unpack_from(self._buffer)
            if crc32(self._buffer[:8]) != checksum or not 16 + header_length <= total <= MAX_MESSAGE or header_length > MAX_HEADERS:
                raise Malformed("document", message="broken event stream prelude")
            if len(self._buffer) < total:
                break
            raw = bytes(self._buffer[:total])
            del self._buffer[:total]
            if crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
                raise Malformed("document", message="broken event stream message")
            messages.append(Message(decode_headers(raw[12 : 12 + header_length]), raw[12 + header_length : -4]))
        return messages

    @property
    def pending(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._buffer)


def decode_headers(data: bytes) -> dict[str, Any]:
    """The headers of one message."""
    headers = {}
    position = 0
    try:
        while position < len(data):
            length = data[position]
            name = data[position + 1 : position + 1 + length].decode()
            position += 1 + length
            headers[name], position = decode_value(data, position)
    except (IndexError, struct.error, ValueError) as error:
        raise Malformed("document", message="broken event stream header") from error
    return headers


def decode_value(data: bytes, position: int) -> tuple[Any, int]:
    """One typed value and the position after it."""
    kind = data[position]
    position += 1
    if kind in (0, 1):
        return kind == 0, position
    if kind in (2, 3, 4, 5, 8):
        layout = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}[kind]
        (number,) = struct.unpack_from(layout, data, position)
        return (from_epoch(number / 1000) if kind == 8 else number), position + struct.calcsize(layout)
    if kind in (6, 7):
        (length,) = struct.unpack_from(">H", data, position)
        end = position + 2 + length
        if end > len(data):
            raise IndexError
        raw = data[position + 2 : end]
        return (raw if kind == 6 else raw.decode()), end
    if kind == 9:
        return UUID(bytes=data[position : position + 16]), position + 16
    raise ValueError(kind)
