"""JSON Web Tokens: read, and verified with a key set (RFC 7515, 7517, 7518, 7519)."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""Those that AWS takes. Not "none", nor HMAC, whose secret would be the public key."""

_CURVES = {"P-256": ("ES256", 32), "P-384": ("ES384", 48), "P-521": ("ES512", 66)}


class BadToken(Exception):
    """The token does not parse, or its signature does not hold."""


@dataclass(frozen=True)
class Token:
    """A token taken apart; nothing is verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def read(text: str) -> Token:
    """Takes a compact token apart; raises BadToken."""
    parts = text.split(".")
    if len(parts) != 3:
        raise BadToken("not a compact JSON Web Signature")
    try:
        header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
        signature = decode(parts[2])
    except (ValueError, RecursionError):
        raise BadToken("not a JSON Web Token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadToken("not a JSON Web Token")
    return Token(header, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def verify(token: Token, jwks: dict[str, Any]) -> None:
    """Raises BadToken unless a key of the set signed it."""
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadToken(f"algorithm {algorithm!r} is not taken")
    if token.header.get("crit"):
        raise BadToken("critical headers are not understood")
    keys = [key for key in jwks.get("keys", ()) if isinstance(key, dict) and (kid is None or key.get("kid") == kid)]
    for key in keys:
        if key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm and _signed_by(token, key, algorithm):
            return
    raise BadToken("no key of the provider's signed it")


def sign(claims: dict[str, Any], algorithm: str, kid: str, private: bytes) -> str:
    """A compact token, signed with RS256 or ES384 by a private key (PKCS #8, DER)."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    parts = ({"kid": kid, "typ": "JWT", "alg": algorithm}, claims)
    text = ".".join([encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts])
    key = load_der_private_key(private, None)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return f"{text}.{encode(signature)}"


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _signed_by(token: Token, jwk: dict[str, Any], algorithm: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    try:
        if algorithm.startswith("RS") and jwk.get("kty") == "RSA":
            rsa_key(jwk).verify(token.signature, token.signed, padding.PKCS1v15(), digest)
            return True
        if algorithm.startswith("ES") and jwk.get("kty") == "EC":
            name, size = _CURVES.get(jwk.get("crv", ""), ("", 0))
            if name != algorithm or len(token.signature) != 2 * size:
                return False
            r, s = int.from_bytes(token.signature[:size], "big"), int.from_bytes(token.signature[size:], "big")
            ec_key(jwk).verify(utils.encode_dss_signature(r, s), token.signed, ec.ECDSA(digest))
            return True
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return False


def rsa_key(jwk: dict[str, Any]) -> RSAPublicKey:
    """An RSA key; ValueError, KeyError or TypeError for what is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    return RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()


def ec_key(jwk: dict[str, Any]) -> EllipticCurvePublicKey:
    """A key on one of NIST's curves; ValueError, KeyError or TypeError for what is none."""
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curves[jwk["crv"]]).public_key()


def _number(text: str) -> int:
    return int.from_bytes(decode(text), "big")


def decode(text: str) -> bytes:
    """Base64url without padding; ValueError for anything else."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
