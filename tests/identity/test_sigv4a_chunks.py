"""Bodies in chunks that Version 4A signs."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cloudjar.identity.sigv4 import ChunkVerifier, SignatureProblem, ecdsa, parse_credentials
from cloudjar.wire.http import BufferedBody, Request

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STAMP, SEED = "20260101T000000Z", "3045"
EMPTY = sha256(b"").hexdigest()


def sign(what, previous, hashed):
    key = ec.derive_private_key(ecdsa.private_scalar(ACCESS, SECRET), ec.SECP256R1())
    text = f"AWS4-ECDSA-P256-SHA256-{what}\n{STAMP}\n20260101/s3/aws4_request\n{previous}\n{hashed}"
    return key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex()


def chunk(previous, data):
    return sign("PAYLOAD", previous, f"{EMPTY}\n{sha256(data).hexdigest()}")


@pytest.fixture
def verifier():
    authorization = f"AWS4-ECDSA-P256-SHA256 Credential={ACCESS}/20260101/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature={SEED}"
    headers = {"host": "h", "x-amz-date": STAMP, "x-amz-region-set": "*", "authorization": authorization}
    return ChunkVerifier(parse_credentials(Request("PUT", "/b/k", "", headers, BufferedBody())), SECRET)


def test_chunks_and_trailer_are_verified_in_their_order(verifier):
    first = chunk(SEED, b"abc")
    last = chunk(first, b"")
    verifier.update(b"abc")
    # Clients fill signatures up to 144 letters.
    verifier.finish(first.ljust(144, "*"))
    verifier.finish(last.ljust(144, "*"))
    trailer = sign("TRAILER", last, sha256(b"x-amz-checksum-crc32:AAAAAA==\n").hexdigest())
    verifier.trailer({"x-amz-checksum-crc32": "AAAAAA=="}, trailer)


def test_a_changed_chunk_or_one_out_of_its_place_is_refused(verifier):
    verifier.update(b"abX")
    with pytest.raises(SignatureProblem):
        verifier.finish(chunk(SEED, b"abc"))


def test_a_chunk_cannot_be_played_again(verifier):
    first = chunk(SEED, b"abc")
    verifier.update(b"abc")
    verifier.finish(first)
    verifier.update(b"abc")
    with pytest.raises(SignatureProblem):
        verifier.finish(first)


def test_a_chunk_signature_of_the_other_algorithm_is_refused(verifier):
    verifier.update(b"abc")
    with pytest.raises(SignatureProblem):
        verifier.finish("0" * 64)
