"""The signature of messages: a key pair of the world's own, and its certificate, which anybody may fetch.

Source: "Verifying the signatures of Amazon SNS messages", SNS Developer Guide.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import effect
from cloudjar.kernel.records import Record, record
from cloudjar.kernel.world import World

PREFIX = "/SimpleNotificationService-"
"""What the certificate's path starts with. No bucket's name can."""


@record("sns.signing_key", key="id", scope="world")
class SigningKey(Record):
    """The world's key pair."""

    id: str
    private_pem: bytes
    certificate_pem: bytes

    @property
    def path(self) -> str:
        return f"{PREFIX}{hashlib.sha256(self.certificate_pem).hexdigest()[:32]}.pem"


class Signer:
    """The private key, read once."""

    def __init__(self, world: World) -> None:
        self.pem = b""
        self.key: Any = None


def signing_key(ctx: Context) -> SigningKey:
    """The world's key pair, made at first need."""
    found = ctx.get(SigningKey, "sns")
    return found if found else ctx.put(SigningKey("sns", *make_key()))


def prepare(ctx: Context) -> None:
    """Has the key pair made in the background, if there is none yet: that takes too long for a transaction."""
    if ctx.get(SigningKey, "sns") is None:
        ctx.effect(make_signing_key)


@effect
async def make_signing_key(ctx: Context) -> None:
    """Makes the key pair, unless it is there by now."""
    with ctx.transaction():
        if ctx.get(SigningKey, "sns"):
            return
    made = await ctx.offload(make_key)
    with ctx.transaction():
        if ctx.get(SigningKey, "sns") is None:
            ctx.put(SigningKey("sns", *made))


def make_key() -> tuple[bytes, bytes]:
    """A private key and its self-signed certificate, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    # Valid whatever the world's clock says.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.public_bytes(Encoding.PEM)


def sign(ctx: Context, fields: dict[str, Any], version: str) -> str:
    """The signature over a message's fields: SHA-1 in version 1, SHA-256 in version 2."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA1, SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    kept, signer = signing_key(ctx), ctx.world.part(Signer)
    if signer.pem != kept.private_pem:
        signer.pem, signer.key = kept.private_pem, load_pem_private_key(kept.private_pem, None)
    made: bytes = signer.key.sign(
        string_to_sign(fields).encode("utf-8", "surrogatepass"), PKCS1v15(), SHA256() if version == "2" else SHA1()
    )
    return base64.b64encode(made).decode()


def string_to_sign(fields: dict[str, Any]) -> str:
    """Names and values of what the signature covers, a line each."""
    names: tuple[str, ...]
    if fields["Type"] == "Notification":
        names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    else:
        names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    return "".join([f"{name}\n{fields[name]}\n" for name in names if fields.get(name) is not None])
