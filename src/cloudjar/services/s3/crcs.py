"""CRCs of a whole from the CRCs of its parts. Source: zlib's crc32_combine, by powers of the zero operator in GF(2)."""

from __future__ import annotations

_POLYNOMIALS = {"CRC32": (32, 0xEDB88320), "CRC32C": (32, 0x82F63B78), "CRC64NVME": (64, 0x9A6C9329AC4BC9B5)}
"""Width, and the polynomial with its bits reversed."""


def combine(algorithm: str, parts: list[tuple[bytes, int]]) -> bytes:
    """The CRC (big-endian, as base64 carries it) of parts given as (CRC, length)."""
    width, polynomial = _POLYNOMIALS[algorithm]
    total = 0
    powers: dict[int, int] = {}
    for digest, length in parts:
        if length not in powers:
            powers[length] = _power(polynomial, width, length)
        total = _multiply(powers[length], total, polynomial, width) ^ int.from_bytes(digest, "big")
    return total.to_bytes(width // 8, "big")


def _multiply(a: int, b: int, polynomial: int, width: int) -> int:
    """a * b modulo the polynomial; bit `width - 1` is the coefficient of x^0."""
    product = 0
    for bit in range(width - 1, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = (b >> 1) ^ polynomial if b & 1 else b >> 1
    return product


def _power(polynomial: int, width: int, length: int) -> int:
    """x^(8 * length) modulo the polynomial: what `length` zero bytes do to a CRC."""
    result = 1 << (width - 1)
    square = 1 << (width - 9)
    while length:
        if length & 1:
            result = _multiply(result, square, polynomial, width)
        square = _multiply(square, square, polynomial, width)
        length >>= 1
    return result
