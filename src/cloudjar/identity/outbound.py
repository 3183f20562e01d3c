"""An account's own token issuer: IAM switches it on, STS signs with its keys, and whoever is handed a token asks it for them.

Source: "Federating AWS Identities to External Services", IAM User Guide.
"""

from __future__ import annotations

from typing import Any

from cloudjar.identity.jwt import encode
from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record

HOST = ".tokens.sts.global.api.aws"
KIDS = {"RS256": "RSA_0", "ES384": "EC384_0"}


@record("identity.outbound_issuer", key="account", scope="world", indexes={"name": "name"})
class OutboundIssuer(Record):
    """The issuer of an account's web identity tokens."""

    account: str
    name: str
    """The first label of its host: a UUID."""
    enabled: bool
    keys: dict[str, bytes]
    """By algorithm, the private keys (PKCS #8, DER)."""
    jwks: dict[str, Any]
    """The public ones, as a JSON Web Key Set."""

    @property
    def url(self) -> str:
        return f"https://{self.name}{HOST}"


def new_keys() -> tuple[dict[str, bytes], dict[str, Any]]:
    """Private keys by algorithm, and the key set of their public halves. Slow: run it off the loop."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    one, two = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP384R1())
    how = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    numbers, point = one.public_key().public_numbers(), two.public_key().public_numbers()
    jwks = {
        "keys": [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KIDS["RS256"], "n": _number(numbers.n, 256), "e": _number(numbers.e, 3)},
            {
                "kty": "EC", "use": "sig", "alg": "ES384", "kid": KIDS["ES384"], "crv": "P-384",
                "x": _number(point.x, 48), "y": _number(point.y, 48),
            },
        ]
    }  # fmt: skip
    return {"RS256": one.private_bytes(*how), "ES384": two.private_bytes(*how)}, jwks


def _number(value: int, size: int) -> str:
    return encode(value.to_bytes(size, "big"))


def document_at(ctx: Context, name: str, path: str) -> dict[str, Any] | None:
    """What an issuer serves at a path; None where there is nothing."""
    found = ctx.where(OutboundIssuer, name=name).first()
    if found is None:
        return None
    if path == "/.well-known/jwks.json":
        return found.jwks
    if path != "/.well-known/openid-configuration":
        return None
    return {
        "issuer": found.url,
        "jwks_uri": f"{found.url}/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(KIDS),
        "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "https://sts.amazonaws.com/"],
    }
