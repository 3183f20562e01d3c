"""The little of DNS that a resolver needs which answers some names and passes the rest on (RFC 1035). Bytes in, bytes out."""

from __future__ import annotations

import socket
import struct

from msgspec import Struct

A, ANY = 1, 255
NOERROR, FORMERR, SERVFAIL, REFUSED = 0, 1, 2, 5
TTL_SECONDS = 5

_HEADER = struct.Struct("!HHHHHH")
_RESPONSE, _OPCODE, _RECURSION_WANTED, _RECURSION_OFFERED = 0x8000, 0x7800, 0x0100, 0x0080
_IN = 1

AWS = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "on.aws", "localhost.localstack.cloud")
"""The domains whose names are the jar's, with all that is below them."""
_LOOPBACK = "127.0.0.1"


class Query(Struct, frozen=True):
    """A question, and the packet that it came in."""

    packet: bytes
    name: str
    """In small letters, without a dot at its end."""
    type: int
    end: int
    """Where the question ends in the packet."""


def read(packet: bytes) -> Query | None:
    """The one question of a packet; None if it holds anything else, and deserves no answer."""
    if len(packet) < _HEADER.size:
        return None
    _, flags, questions, _, _, _ = _HEADER.unpack_from(packet)
    if flags & (_RESPONSE | _OPCODE) or questions != 1:
        return None
    labels: list[bytes] = []
    at = _HEADER.size
    while True:
        if at >= len(packet):
            return None
        length = packet[at]
        if length == 0:
            break
        # Nothing comes before a question that its name could point to.
        if length > 63 or len(labels) > 127 or at + 1 + length > len(packet):
            return None
        labels.append(packet[at + 1 : at + 1 + length])
        at += 1 + length
    if at + 5 > len(packet):
        return None
    kind, family = struct.unpack_from("!HH", packet, at + 1)
    if family not in (_IN, ANY):
        return None
    return Query(packet, b".".join(labels).decode("latin-1").lower(), kind, at + 5)


def address_of(name: str, jar: str) -> str | None:
    """The address of a name that is the jar's, or the sandbox's own; None for all others. `jar` is where the jar answers."""
    if name == "localhost" or name.endswith(".localhost"):
        return _LOOPBACK
    for domain in AWS:
        if name.endswith(domain) and (len(name) == len(domain) or name[-len(domain) - 1] == "."):
            return jar
    return None


def answer(query: Query, address: str) -> bytes:
    """The address, if that is what was asked for; else that the name has nothing of the kind: there is no IPv6 inside."""
    records = []
    if query.type in (A, ANY):
        # The name is a pointer to the question's.
        records.append(b"\xc0\x0c" + struct.pack("!HHIH", A, _IN, TTL_SECONDS, 4) + socket.inet_aton(address))
    return _head(query, NOERROR, len(records)) + b"".join(records)


def failure(query: Query, code: int) -> bytes:
    """An answer without an answer."""
    return _head(query, code, 0)


def _head(query: Query, code: int, answers: int) -> bytes:
    number, flags, *_ = _HEADER.unpack_from(query.packet)
    flags = _RESPONSE | flags & _RECURSION_WANTED | _RECURSION_OFFERED | code
    return _HEADER.pack(number, flags, 1, answers, 0, 0) + query.packet[_HEADER.size : query.end]


def is_answer_to(query: Query, packet: bytes) -> bool:
    """Whether a packet answers this very question: same number, same name, letter by letter."""
    if len(packet) < query.end or packet[:2] != query.packet[:2] or not packet[2] & 0x80:
        return False
    return packet[_HEADER.size : query.end] == query.packet[_HEADER.size : query.end]


def name_servers(resolv_conf: str) -> list[str]:
    """The servers that a resolv.conf(5) names, in its order."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            found.append(words[1])
    return found
