"""The cryptography itself, as pure functions over bytes: `cryptography` does the work, and is imported when first needed.

Private keys are PKCS #8, public keys SubjectPublicKeyInfo, both in DER.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.ids import secret_bytes
from cloudjar.services.kms.specs import SPECS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

NONCE = 12
"""Bytes of AES-GCM's nonce; NIST SP 800-38D, 8.2."""


class BadKey(ValueError):
    """Bytes that are no key of the kind that was asked for."""


class BadCiphertext(ValueError):
    """Bytes that do not decrypt, or a signature that does not verify."""


# Material


def generate(spec: str) -> bytes:
    """New material for a key spec. RSA takes tenths of a second: call it in another thread."""
    if SPECS[spec].is_secret:
        return secret_bytes(SPECS[spec].size)
    return private_der(_new_private_key(spec))


def _new_private_key(spec: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if spec.startswith("RSA_"):
        return rsa.generate_private_key(65537, SPECS[spec].size)
    if spec == "ECC_NIST_EDWARDS25519":
        return ed25519.Ed25519PrivateKey.generate()
    if spec.startswith("ECC_"):
        curves: dict[str, ec.EllipticCurve] = {
            "ECC_NIST_P256": ec.SECP256R1(),
            "ECC_NIST_P384": ec.SECP384R1(),
            "ECC_NIST_P521": ec.SECP521R1(),
            "ECC_SECG_P256K1": ec.SECP256K1(),
        }
        return ec.generate_private_key(curves[spec])
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem

        module = mldsa if spec.startswith("ML_DSA") else mlkem
        return getattr(module, f"{spec[:6].replace('_', '')}{spec[7:]}PrivateKey").generate()
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        raise not_implemented("kms", spec, "the installed cryptography library lacks it") from None


def private_der(key: Any) -> bytes:
    """A private key's PKCS #8."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def public_der(material: bytes) -> bytes:
    """The public half of a private key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return bytes(_private(material).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def check_material(spec: str, material: bytes) -> None:
    """BadKey unless the material is one of that spec."""
    if SPECS[spec].is_secret:
        if len(material) != SPECS[spec].size:
            raise BadKey(f"{spec} takes {SPECS[spec].size} bytes")
        return
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        key = load_der_private_key(material, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise BadKey(str(problem)) from None
    if _spec_of(key) != spec:
        raise BadKey(f"this is no private key of {spec}")


def _spec_of(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        return f"RSA_{key.key_size}"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ECC_NIST_EDWARDS25519"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        names = {"secp256r1": "ECC_NIST_P256", "secp384r1": "ECC_NIST_P384", "secp521r1": "ECC_NIST_P521", "secp256k1": "ECC_SECG_P256K1"}
        return names.get(key.curve.name, key.curve.name)
    name = type(key).__name__.removesuffix("PrivateKey")
    return f"ML_{name[2:5]}_{name[5:]}"


def _private(material: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    # The key was checked when it was made or imported; checking RSA again takes milliseconds.
    return load_der_private_key(material, None, unsafe_skip_rsa_key_validation=True)


# Symmetric encryption


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """A nonce, and the plaintext under AES-256-GCM."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secret_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What `seal` sealed; BadCiphertext if anything differs."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], associated)
    except (InvalidTag, ValueError):
        raise BadCiphertext from None


# RSA encryption


def longest_plaintext(spec: str, algorithm: str) -> int:
    """How many bytes RSAES-OAEP takes. RFC 8017, 7.1.1."""
    return SPECS[spec].size // 8 - 2 * (20 if algorithm.endswith("SHA_1") else 32) - 2


def rsa_encrypt(material: bytes, algorithm: str, plaintext: bytes) -> bytes:
    """RSAES-OAEP."""
    return bytes(_private(material).public_key().encrypt(plaintext, _oaep(algorithm)))


def rsa_decrypt(material: bytes, algorithm: str, ciphertext: bytes) -> bytes:
    """RSAES-OAEP; BadCiphertext."""
    try:
        return bytes(_private(material).decrypt(ciphertext, _oaep(algorithm)))
    except ValueError:
        raise BadCiphertext from None


def _oaep(algorithm: str) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    digest = hashes.SHA1() if algorithm.endswith("SHA_1") else hashes.SHA256()
    return padding.OAEP(padding.MGF1(digest), digest, None)


def unwrap(private: bytes, algorithm: str, wrapped: bytes) -> bytes:
    """Imported material out of its wrapping; BadCiphertext. RSA_AES_KEY_WRAP is an AES key under OAEP, then RFC 5649 under it."""
    if not algorithm.startswith("RSA_AES_KEY_WRAP"):
        return rsa_decrypt(private, algorithm, wrapped)
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

    size = _private(private).key_size // 8
    key = rsa_decrypt(private, algorithm, wrapped[:size])
    try:
        return aes_key_unwrap_with_padding(key, wrapped[size:])
    except (InvalidUnwrap, ValueError):
        raise BadCiphertext from None


# Signatures


def digest_size(algorithm: str) -> int:
    """Bytes of the digest that a signing algorithm signs."""
    return int(algorithm.rpartition("_")[2]) // 8


def sign(material: bytes, algorithm: str, message: bytes, message_type: str) -> bytes:
    """A signature over a message, its digest, or (ML-DSA) its external mu."""
    key = _private(material)
    if algorithm == "ED25519_SHA_512":
        return bytes(key.sign(message))
    if algorithm == "ML_DSA_SHAKE_256":
        return bytes(key.sign_mu(message) if message_type == "EXTERNAL_MU" else key.sign(message))
    return bytes(key.sign(message, *_scheme(algorithm, message_type)))


def verify(material: bytes, algorithm: str, message: bytes, message_type: str, signature: bytes) -> None:
    """BadCiphertext unless the signature is right."""
    from cryptography.exceptions import InvalidSignature

    key = _private(material).public_key()
    try:
        if algorithm == "ED25519_SHA_512":
            key.verify(signature, message)
        elif algorithm == "ML_DSA_SHAKE_256":
            (key.verify_mu if message_type == "EXTERNAL_MU" else key.verify)(signature, message)
        else:
            key.verify(signature, message, *_scheme(algorithm, message_type))
    except (InvalidSignature, ValueError):
        raise BadCiphertext from None


def _scheme(algorithm: str, message_type: str) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    digest = _hash(digest_size(algorithm) * 8)
    covered: Any = utils.Prehashed(digest) if message_type == "DIGEST" else digest
    if algorithm.startswith("ECDSA"):
        return (ec.ECDSA(covered),)
    if algorithm.startswith("RSASSA_PSS"):
        return padding.PSS(padding.MGF1(digest), digest.digest_size), covered
    return padding.PKCS1v15(), covered


def _hash(bits: int) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    found: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
    return found[bits]


# Shared secrets


def agree(material: bytes, peer: bytes) -> bytes:
    """The x-coordinate of ECDH's shared point; BadKey for a peer's key on another curve."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = _private(material)
    try:
        public = load_der_public_key(peer)
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise BadKey(str(problem)) from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != key.curve.name:
        raise BadKey("the curves differ")
    return bytes(key.exchange(ec.ECDH(), public))


def encapsulate(material: bytes) -> tuple[bytes, bytes]:
    """(shared secret, its ciphertext). FIPS 203."""
    secret, ciphertext = _private(material).public_key().encapsulate()
    return bytes(secret), bytes(ciphertext)


def decapsulate(material: bytes, ciphertext: bytes) -> bytes:
    """The shared secret; BadCiphertext for a wrong length. FIPS 203 answers any other change with another secret."""
    try:
        return bytes(_private(material).decapsulate(ciphertext))
    except ValueError:
        raise BadCiphertext from None
