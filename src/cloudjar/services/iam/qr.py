"""QR codes (ISO/IEC 18004): bytes, error correction level L, versions 1 to 13, as a PNG."""

from __future__ import annotations

import struct
import zlib

# For each version from 1: codewords of error correction in a block, blocks, all codewords.
_VERSIONS = [
    (7, 1, 26), (10, 1, 44), (15, 1, 70), (20, 1, 100), (26, 1, 134), (18, 2, 172), (20, 2, 196), (24, 2, 242), (30, 2, 292),
    (18, 4, 346), (20, 4, 404), (24, 4, 466), (26, 4, 532),
]  # fmt: skip
# Where the centres of the alignment patterns are, beside 6.
_ALIGNMENTS = [[], [18], [22], [26], [30], [34], [22, 38], [24, 42], [26, 46], [28, 50], [30, 54], [32, 58], [34, 62]]
QUIET, SCALE = 4, 4
Grid = list[list[int | None]]


def qr_png(text: str) -> bytes:
    """A PNG of the text's QR code. ValueError for more than 425 bytes."""
    rows = matrix(text.encode())
    size = (len(rows) + 2 * QUIET) * SCALE
    blank = b"\xff" * size
    lines = [blank] * (QUIET * SCALE)
    for row in rows:
        line = b"".join((b"\0" if cell else b"\xff") * SCALE for cell in [0] * QUIET + row + [0] * QUIET)
        lines += [line] * SCALE
    lines += [blank] * (QUIET * SCALE)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def matrix(data: bytes) -> list[list[int]]:
    """The code's modules, row by row; 1 is dark."""
    version = next((v for v in range(1, len(_VERSIONS) + 1) if _capacity(v) >= len(data)), None)
    if version is None:
        raise ValueError("too long for a QR code of these versions")
    bits = _interleaved(version, data)
    return _filled(_frame(version), bits, version)


def _capacity(version: int) -> int:
    correction, blocks, total = _VERSIONS[version - 1]
    return total - correction * blocks - (2 if version < 10 else 3)


def _interleaved(version: int, data: bytes) -> str:
    correction, blocks, total = _VERSIONS[version - 1]
    room = total - correction * blocks
    bits = "0100" + f"{len(data):0{8 if version < 10 else 16}b}" + "".join(f"{byte:08b}" for byte in data)
    bits += "0" * min(4, 8 * room - len(bits))
    bits += "0" * (-len(bits) % 8)
    words = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    words += [(0xEC, 0x11)[i % 2] for i in range(room - len(words))]
    short, longer = divmod(room, blocks)
    parts, at = [], 0
    for number in range(blocks):
        size = short + (number >= blocks - longer)
        parts.append(words[at : at + size])
        at += size
    checks = [_correction(part, correction) for part in parts]
    columns = [part[i] for i in range(short + 1) for part in parts if i < len(part)]
    columns += [check[i] for i in range(correction) for check in checks]
    return "".join(f"{word:08b}" for word in columns)


def _times(a: int, b: int) -> int:
    """The product in GF(256) over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def _correction(words: list[int], count: int) -> list[int]:
    """The remainder by Reed and Solomon's generator polynomial."""
    generator, root = [1], 1
    for _ in range(count):
        generator = [a ^ _times(b, root) for a, b in zip([*generator, 0], [0, *generator], strict=True)]
        root = _times(root, 2)
    rest = [*words, *[0] * count]
    for i in range(len(words)):
        factor = rest[i]
        for j, coefficient in enumerate(generator):
            rest[i + j] ^= _times(coefficient, factor)
    return rest[len(words) :]


def _frame(version: int) -> Grid:
    """Everything but the data: None where data goes; format and version areas are still 0."""
    size = 17 + 4 * version
    grid: Grid = [[None] * size for _ in range(size)]
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        for r in range(-1, 8):
            for c in range(-1, 8):
                if 0 <= top + r < size and 0 <= left + c < size:
                    ring = max(abs(r - 3), abs(c - 3))
                    grid[top + r][left + c] = int(ring in (0, 1, 3))
    for i in range(8, size - 8):
        grid[6][i] = grid[i][6] = 1 - i % 2
    centres = [6, *_ALIGNMENTS[version - 1]] if version > 1 else []
    for r in centres:
        for c in centres:
            if (r, c) not in ((6, 6), (6, centres[-1]), (centres[-1], 6)):
                for y in range(-2, 3):
                    for x in range(-2, 3):
                        grid[r + y][c + x] = int(max(abs(y), abs(x)) != 1)
    grid[8][8] = 0
    for i in range(8):
        for r, c in ((8, i), (i, 8), (8, size - 1 - i), (size - 1 - i, 8)):
            grid[r][c] = grid[r][c] or 0
    if version >= 7:
        for i in range(18):
            grid[i // 3][size - 11 + i % 3] = grid[size - 11 + i % 3][i // 3] = 0
    return grid


def _filled(frame: Grid, bits: str, version: int) -> list[list[int]]:
    """The code under the first mask, a chequerboard. A reader takes any; the standard's choice among eight is for the look of it."""
    size = len(frame)
    rows = [[cell or 0 for cell in row] for row in frame]
    at = 0
    upward = True
    for right in [c for c in range(size - 1, 0, -2) if c > 6] + [5, 3, 1]:
        for r in range(size - 1, -1, -1) if upward else range(size):
            for c in (right, right - 1):
                if frame[r][c] is None:
                    bit = int(bits[at]) if at < len(bits) else 0
                    rows[r][c] = bit ^ (r + c + 1) % 2
                    at += 1
        upward = not upward
    _write_format(rows)
    if version >= 7:
        value = version << 12 | _remainder(version << 12, 0x1F25, 18)
        for i in range(18):
            rows[i // 3][size - 11 + i % 3] = rows[size - 11 + i % 3][i // 3] = value >> i & 1
    return rows


def _write_format(rows: list[list[int]]) -> None:
    size = len(rows)
    value = 0b01 << 13  # level L, mask 0
    value = (value | _remainder(value, 0x537, 15)) ^ 0x5412
    for i in range(15):
        bit = value >> i & 1
        rows[i if i < 6 else i + 1 if i < 8 else size - 15 + i][8] = bit
        rows[8][size - 1 - i if i < 8 else 7 if i == 8 else 14 - i] = bit
    rows[size - 8][8] = 1


def _remainder(value: int, generator: int, length: int) -> int:
    """The remainder of a BCH code."""
    width = generator.bit_length()
    for shift in range(length - width, -1, -1):
        if value >> (shift + width - 1) & 1:
            value ^= generator << shift
    return value
