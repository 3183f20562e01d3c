"""What a client may ask of the server."""

from __future__ import annotations

import msgspec

KIB = 1024


class Limits(msgspec.Struct, frozen=True):
    """Times are in ticks of `tick_seconds`; they run only while the server waits for the client."""

    head_bytes: int = 64 * KIB
    buffered_body_bytes: int = 64 * KIB
    """The longest body that is collected before the call; longer ones stream."""
    stream_bytes: int = 1024 * KIB
    """Bytes of a streamed body that wait for their reader."""
    pending_bytes: int = 64 * KIB
    """Bytes of pipelined requests that wait for the answer before them."""
    discard_bytes: int = 1024 * KIB
    """Unread bytes of a body that are taken off the connection to keep it."""
    linger_bytes: int = 64 * 1024 * KIB
    """Unread bytes that are taken after the last answer, so that a client that is still sending gets to read it (RFC 9112, 9.6)."""
    write_bytes: int = 512 * KIB
    """Bytes of an answer that wait for the client, before its source is asked to wait too."""
    tick_seconds: float = 1.0
    idle_ticks: int = 300
    request_ticks: int = 60
    linger_ticks: int = 30
    stalled_ticks: int = 300
    """A client that takes nothing of its answer for so long is cut off."""
