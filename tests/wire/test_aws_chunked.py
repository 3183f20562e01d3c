"""The aws-chunked encoding, as it comes."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from cloudjar.wire.aws_chunked import ChunkEnd, Data, Decoder, Event, Trailers
from cloudjar.wire.values import Malformed

SIGNED = (
    b"5;chunk-signature=aa\r\nhello\r\n3;chunk-signature=bb\r\nyou\r\n0;chunk-signature=cc\r\n"
    b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:dd\r\n\r\n"
)


def decode(*pieces: bytes) -> list[Event]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


def content(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def test_signed_chunks_show_their_data_signatures_and_trailers() -> None:
    assert decode(SIGNED) == [
        Data(b"hello"),
        ChunkEnd(5, "aa"),
        Data(b"you"),
        ChunkEnd(3, "bb"),
        ChunkEnd(0, "cc"),
        Trailers({"x-amz-checksum-crc32c": "sOO8/Q=="}, "dd"),
    ]


@given(st.lists(st.integers(0, len(SIGNED)), max_size=8))
def test_where_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SIGNED)]
    pieces = [SIGNED[start:end] for start, end in pairwise(edges)]
    whole, cut = decode(SIGNED), decode(*pieces)
    assert content(cut) == content(whole)
    assert [event for event in cut if not isinstance(event, Data)] == [event for event in whole if not isinstance(event, Data)]


def test_what_botocore_sends_is_understood() -> None:
    wrapper = AwsChunkedWrapper(io.BytesIO(b"data" * 100), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=64)
    events = decode(wrapper.read())
    assert content(events) == b"data" * 100
    assert isinstance(events[-1], Trailers) and list(events[-1].headers) == ["x-amz-checksum-crc32"]


def test_an_empty_body_has_only_the_last_chunk() -> None:
    assert decode(b"0\r\n\r\n") == [ChunkEnd(0, ""), Trailers({}, "")]


def test_a_missing_last_line_end_is_forgiven() -> None:
    assert decode(b"1\r\na\r\n0\r\n") == [Data(b"a"), ChunkEnd(1, ""), ChunkEnd(0, ""), Trailers({}, "")]


def test_a_large_chunk_is_passed_on_piece_by_piece() -> None:
    decoder = Decoder()
    assert decoder.feed(b"100000\r\n") == []
    piece = bytes(1000)
    (event,) = decoder.feed(piece)
    assert isinstance(event, Data) and event.data is piece


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nhel",
        b"5\r\nhelloworld\r\n0\r\n\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"\r\n",
        b"1_0\r\n",
        b"0\r\n\r\nmore",
        b"0\r\nno colon\r\n\r\n",
        b"1" * 20_000,
    ],
)
def test_broken_encodings_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_malformed(body: bytes) -> None:
    try:
        decode(body)
    except Malformed:
        pass
