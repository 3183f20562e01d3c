"""The checksums, against their published check values."""

from __future__ import annotations

from base64 import b64encode

import pytest

from cloudjar.wire import checksums

# The values for b"123456789": the CRCs' from the catalogue of parametrised CRC algorithms, the others from their RFCs' algorithms.
CHECK = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "SHA256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "SHA512": "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a"
    "d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
}


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_the_check_value_comes_out_however_the_bytes_are_cut(algorithm: str) -> None:
    for cut in range(10):
        hasher = checksums.new(algorithm)
        hasher.update(b"123456789"[:cut])
        hasher.update(memoryview(b"123456789")[cut:])
        assert hasher.digest().hex() == CHECK[algorithm]


def test_the_digest_is_what_aws_puts_in_the_header() -> None:
    hasher = checksums.new("CRC64NVME")
    assert b64encode(hasher.digest()) == b"AAAAAAAAAAA="


def test_an_unknown_algorithm_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        checksums.new("ADLER32")
