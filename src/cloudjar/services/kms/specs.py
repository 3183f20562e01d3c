"""Key specs: what keys of each kind are for, and the algorithms that they take.

Source: "Key spec reference", AWS KMS Developer Guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SYMMETRIC = "SYMMETRIC_DEFAULT"

_RSA_ENCRYPTION = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_RSA_SIGNING = tuple(f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512))


@dataclass(frozen=True, slots=True)
class KeySpec:
    """One kind of key."""

    name: str
    usages: tuple[str, ...]
    encryption: tuple[str, ...] = ()
    signing: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    agreement: tuple[str, ...] = ()
    encapsulation: tuple[str, ...] = ()
    size: int = 0
    """Bits of an RSA key; bytes of a symmetric or HMAC key."""

    @property
    def is_symmetric(self) -> bool:
        """Whether the key encrypts symmetrically."""
        return self.name == SYMMETRIC

    @property
    def is_secret(self) -> bool:
        """Whether the material is plain secret bytes: symmetric encryption and HMAC."""
        return self.is_symmetric or bool(self.macs)

    def algorithms(self, usage: str) -> dict[str, list[str]]:
        """The members of KeyMetadata and GetPublicKey that list algorithms."""
        return {
            "ENCRYPT_DECRYPT": {"EncryptionAlgorithms": list(self.encryption)},
            "SIGN_VERIFY": {"SigningAlgorithms": list(self.signing)},
            "GENERATE_VERIFY_MAC": {"MacAlgorithms": list(self.macs)},
            "KEY_AGREEMENT": {"KeyAgreementAlgorithms": list(self.agreement)},
            "ENCAPSULATE_DECAPSULATE": {"EncapsulationAlgorithms": list(self.encapsulation)},
        }[usage]


def _rsa(bits: int) -> KeySpec:
    return KeySpec(f"RSA_{bits}", ("ENCRYPT_DECRYPT", "SIGN_VERIFY"), encryption=_RSA_ENCRYPTION, signing=_RSA_SIGNING, size=bits)


def _nist(curve: int, digest: int) -> KeySpec:
    return KeySpec(f"ECC_NIST_P{curve}", ("SIGN_VERIFY", "KEY_AGREEMENT"), signing=(f"ECDSA_SHA_{digest}",), agreement=("ECDH",))


def _hmac(bits: int, size: int) -> KeySpec:
    return KeySpec(f"HMAC_{bits}", ("GENERATE_VERIFY_MAC",), macs=(f"HMAC_SHA_{bits}",), size=size)


SPECS: Mapping[str, KeySpec] = {
    spec.name: spec
    for spec in (
        KeySpec(SYMMETRIC, ("ENCRYPT_DECRYPT",), encryption=(SYMMETRIC,), size=32),
        _rsa(2048),
        _rsa(3072),
        _rsa(4096),
        _nist(256, 256),
        _nist(384, 384),
        _nist(521, 512),
        KeySpec("ECC_SECG_P256K1", ("SIGN_VERIFY",), signing=("ECDSA_SHA_256",)),
        KeySpec("ECC_NIST_EDWARDS25519", ("SIGN_VERIFY",), signing=("ED25519_SHA_512", "ED25519_PH_SHA_512")),
        _hmac(224, 28),
        _hmac(256, 32),
        _hmac(384, 48),
        _hmac(512, 64),
        *(KeySpec(f"ML_DSA_{size}", ("SIGN_VERIFY",), signing=("ML_DSA_SHAKE_256",)) for size in (44, 65, 87)),
        *(KeySpec(f"ML_KEM_{size}", ("ENCAPSULATE_DECAPSULATE",), encapsulation=("ML_KEM",)) for size in (512, 768, 1024)),
    )
}
"""All but SM2, which only the China Regions have."""

OPERATIONS_OF: Mapping[str, frozenset[str]] = {
    "ENCRYPT_DECRYPT": frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"}),
    "SIGN_VERIFY": frozenset({"Sign", "Verify"}),
    "GENERATE_VERIFY_MAC": frozenset({"GenerateMac", "VerifyMac"}),
    "KEY_AGREEMENT": frozenset({"DeriveSharedSecret"}),
    "ENCAPSULATE_DECAPSULATE": frozenset({"Encapsulate", "Decapsulate"}),
}
"""The cryptographic operations that a usage allows, as grants name them."""

DATA_KEY_OPERATIONS = frozenset(
    {"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}
)
"""What a symmetric encryption key can do besides."""
