"""The checksums that clients send and S3 keeps. Source: "Checking object integrity" in the Amazon S3 User Guide."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cloudjar.kernel.errors import not_implemented
from cloudjar.services.s3 import errors
from cloudjar.services.s3.objects import Checksum, Stored
from cloudjar.wire import checksums

ALGORITHMS = {
    "CRC32": "ChecksumCRC32",
    "CRC32C": "ChecksumCRC32C",
    "CRC64NVME": "ChecksumCRC64NVME",
    "SHA1": "ChecksumSHA1",
    "SHA256": "ChecksumSHA256",
    "SHA512": "ChecksumSHA512",
    "MD5": "ChecksumMD5",
}
"""Algorithm -> the member that carries its value."""

ALGORITHM_OF = {member: algorithm for algorithm, member in ALGORITHMS.items()}

REFUSED = ("XXHASH64", "XXHASH3", "XXHASH128")
_REFUSED_MEMBERS = frozenset(f"Checksum{name}" for name in REFUSED)

DEFAULT = "CRC64NVME"
"""What S3 works out for an upload that came without a checksum."""

FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


class Hash(Protocol):
    """What hashlib's objects, and the CRCs, have in common."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(slots=True)
class Claim:
    """What a client says of its body: the algorithm, and the value if it did not wait for the trailer."""

    algorithm: str | None = None
    value: str | None = None


def new_hash(algorithm: str) -> Hash:
    """A fresh hash."""
    return checksums.new(algorithm)


def encode(digest: bytes) -> str:
    """Base64, as headers and XML carry it."""
    return b2a_base64(digest, newline=False).decode()


def read_claim(req: dict[str, Any], headers: Mapping[str, str]) -> Claim:
    """The one checksum that a request carries in a header or announces as a trailer; raises InvalidRequest when it contradicts itself."""
    values = [(ALGORITHM_OF[member], req[member]) for member in ALGORITHM_OF.keys() & req.keys()]
    wanted = req.get("ChecksumAlgorithm")
    if wanted in REFUSED or not _REFUSED_MEMBERS.isdisjoint(req):
        raise not_implemented("s3", "checksums", next(name for name in REFUSED if name == wanted or f"Checksum{name}" in req))
    if len(values) > 1:
        raise errors.invalid_request("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    announced = headers.get("x-amz-trailer", "").lower().removeprefix("x-amz-checksum-").upper()
    if not values and announced:
        if announced not in ALGORITHMS:
            raise errors.invalid_request("The value specified in the x-amz-trailer header is not supported")
        values = [(announced, None)]
    if wanted is not None:
        wanted = check_algorithm(wanted)
        if not values:
            words = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
            raise errors.invalid_request(words)
        if values[0][0] != wanted:
            raise errors.invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    return Claim(*values[0]) if values else Claim()


def check_algorithm(name: str) -> str:
    """The algorithm's name in capitals; raises InvalidRequest for one that S3 does not know."""
    upper = name.upper()
    if upper in REFUSED:
        raise not_implemented("s3", "checksums", upper)
    if upper not in ALGORITHMS:
        words = "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        raise errors.invalid_request(words + f"[{', '.join(ALGORITHMS)}]")
    return upper


def checksum_to_wire(checksum: Checksum | None, *, with_type: bool = True) -> dict[str, str]:
    """The members that carry a checksum."""
    if checksum is None:
        return {}
    wire = {ALGORITHMS[checksum.algorithm]: checksum.value}
    if with_type:
        wire["ChecksumType"] = checksum.type
    return wire


def listed(stored: Stored) -> dict[str, Any]:
    """The members of a listing that tell of a checksum, without its value."""
    if stored.checksum is None:
        return {}
    return {"ChecksumAlgorithm": [stored.checksum.algorithm], "ChecksumType": stored.checksum.type}
