"""The checksums of AWS's flexible-checksum headers, as incremental hashers of one shape: `update`, `digest`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Protocol
from zlib import crc32

Bytes = bytes | bytearray | memoryview

CRC_NAMES = {"CRC32C": ("CRC32C", 4), "CRC64NVME": ("CRC64-NVME", 8)}
"""Algorithm -> its name in anycrc's catalogue and its length in bytes."""

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5")


class Hasher(Protocol):
    """A running checksum; `digest` gives the big-endian bytes that base64 turns into the header's value."""

    def update(self, data: Bytes, /) -> None:
        """More bytes."""

    def digest(self) -> bytes:
        """The checksum of all bytes so far."""
        ...


class Crc:
    """A running CRC."""

    __slots__ = ("_calculate", "_length", "_value")

    def __init__(self, calculate: Callable[[Bytes, int], int], length: int) -> None:
        self._calculate = calculate
        self._length = length
        self._value = 0

    def update(self, data: Bytes, /) -> None:
        """More bytes."""
        self._value = self._calculate(data, self._value)

    def digest(self) -> bytes:
        """The checksum of all bytes so far, big-endian."""
        return self._value.to_bytes(self._length, "big")


def new(algorithm: str) -> Hasher:
    """A fresh hasher for "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512" or "MD5"; KeyError for any other."""
    if algorithm == "CRC32":
        return Crc(crc32, 4)
    if algorithm in CRC_NAMES:
        return Crc(*_calculator(algorithm))
    if algorithm == "MD5":
        return hashlib.md5(usedforsecurity=False)
    if algorithm not in ALGORITHMS:
        raise KeyError(algorithm)
    return hashlib.new(algorithm.lower(), usedforsecurity=False)


@cache
def _calculator(algorithm: str) -> tuple[Callable[[Bytes, int], int], int]:
    """A CRC's function, whose tables are made once, and its length."""
    # Imported when the first one is wanted: it costs 20 ms.
    import anycrc

    name, length = CRC_NAMES[algorithm]
    return anycrc.Model(name).calc, length
