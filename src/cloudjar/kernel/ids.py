"""Ids: derived from the world's seed and a counter, in AWS's formats. The only place that reads randomness."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator

HEX = "0123456789abcdef"
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
UPPER_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

# RFC 9562, 4.1: the two high bits of this digit are 1 and 0.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in HEX}


class Ids:
    """A stream of ids. `step` gives the next counter value; equal seeds and equal steps give equal ids."""

    __slots__ = ("_seed", "_step")

    def __init__(self, seed: bytes, step: Callable[[], int]) -> None:
        self._seed = seed
        self._step = step

    def data(self, size: int) -> bytes:
        """`size` bytes that look random and repeat with the seed."""
        return hashlib.shake_128(self._seed + self._step().to_bytes(8, "big")).digest(size)

    def text(self, alphabet: str, length: int) -> str:
        """`length` letters of an alphabet."""
        size = len(alphabet)
        if size & (size - 1) == 0:
            return "".join([alphabet[b & (size - 1)] for b in self.data(length)])
        raw = self.data(2 * length)
        return "".join([alphabet[(raw[i] << 8 | raw[i + 1]) % size] for i in range(0, 2 * length, 2)])

    def hex(self, length: int) -> str:
        """Lower-case hexadecimal, as in "i-0123456789abcdef0"."""
        return self.data((length + 1) // 2).hex()[:length]

    def uuid(self) -> str:
        """A version-4 UUID in text."""
        text = self.data(16).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"

    def unique_id(self, prefix: str) -> str:
        """An IAM unique id: a prefix such as "AROA" and 17 letters."""
        return prefix + self.text(BASE32, 17)


def uuids(ids: Ids) -> Iterator[str]:
    """UUIDs without end, drawn many at a time: for what is needed at every request."""
    while True:
        block = ids.data(64 * 16).hex()
        for at in range(0, len(block), 32):
            text = block[at : at + 32]
            yield f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def secret_bytes(size: int) -> bytes:
    """Key material, from the operating system; never derived from a seed."""
    return secrets.token_bytes(size)


def secret_text(alphabet: str, length: int) -> str:
    """A secret of letters, from the operating system."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
