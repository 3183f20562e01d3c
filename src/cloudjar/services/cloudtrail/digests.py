"""Digests: each hour, the hashes of the files delivered in it, signed and chained.

Source: "Validating CloudTrail log file integrity", and "CloudTrail digest file structure".
"""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import effect, operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.cloudtrail.trails import Trail, folder
from cloudjar.services.cloudtrail.writing import put

DIGEST_SECONDS = 3600
KEY_LIFE = timedelta(days=365)


@record("cloudtrail.key", key="fingerprint")
class SigningKey(Record):
    """The key pair that signs a Region's digests."""

    fingerprint: str
    private: bytes
    """PKCS #8, DER."""
    public: bytes
    """PKCS #1, DER: what ListPublicKeys gives out."""
    start: datetime
    end: datetime


@timer
def tick(ctx: Context, name: str) -> None:
    """Time for a digest, and to set the next time."""
    trail = ctx.get(Trail, name)
    if trail is None or not trail.logging:
        return
    ctx.put(replace(trail, digest_timer=ctx.after(tick, name, seconds=DIGEST_SECONDS, housekeeping=True)))
    if trail.validated:
        ctx.effect(deliver, name)


@effect
async def deliver(ctx: Context, name: str) -> None:
    """Writes the hour's digest."""
    with ctx.transaction():
        key = next((key for key in ctx.where(SigningKey) if key.end > ctx.now), None)
    if key is None:
        private, public = await ctx.offload(_make_key)
        with ctx.transaction():
            fingerprint = hashlib.md5(public, usedforsecurity=False).hexdigest()
            key = ctx.put(SigningKey(fingerprint, private, public, ctx.now, ctx.now + KEY_LIFE))
    with ctx.transaction():
        trail = ctx.get(Trail, name)
        if trail is None:
            return
        end = ctx.now
        document, object_key = _digest(ctx, trail, key, end)
    content = json.dumps(document).encode()
    digest = hashlib.sha256(content).hexdigest()
    previous = document["previousDigestSignature"]
    to_sign = f"{document['digestEndTime']}\n{trail.bucket}/{object_key}\n{digest}\n{previous or 'null'}"
    signature = await ctx.offload(_sign, key.private, to_sign.encode())
    metadata = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
    problem = await put(
        ctx,
        name,
        object_key,
        gzip.compress(content, mtime=0),
        {"ContentEncoding": "gzip", "ContentType": "application/json", "Metadata": metadata},
    )
    if problem:
        return
    with ctx.transaction():
        trail = ctx.get(Trail, name)
        if trail is not None:
            done = {file["s3Object"] for file in document["logFiles"]}
            kept = {"bucket": trail.bucket, "object": object_key, "hash": digest, "signature": signature}
            ctx.put(replace(trail, digested=end, previous=kept, files=[file for file in trail.files if file["s3Object"] not in done]))


def _digest(ctx: Context, trail: Trail, key: SigningKey, end: datetime) -> tuple[dict[str, Any], str]:
    start = end - timedelta(seconds=DIGEST_SECONDS)
    name = f"{ctx.account}_CloudTrail-Digest_{ctx.region}_{trail.name}_{ctx.region}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    owner = f"{trail.organization}/{ctx.account}" if trail.organization else ctx.account
    object_key = f"{folder(ctx, trail)}AWSLogs/{owner}/CloudTrail-Digest/{ctx.region}/{end:%Y/%m/%d}/{name}"
    previous = trail.previous
    document = {
        "awsAccountId": ctx.account,
        "digestStartTime": _time(start),
        "digestEndTime": _time(end),
        "digestS3Bucket": trail.bucket,
        "digestS3Object": object_key,
        "digestPublicKeyFingerprint": key.fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": trail.files[-1]["at"] if trail.files else None,
        "oldestEventTime": trail.files[0]["at"] if trail.files else None,
        "previousDigestS3Bucket": previous.get("bucket"),
        "previousDigestS3Object": previous.get("object"),
        "previousDigestHashValue": previous.get("hash"),
        "previousDigestHashAlgorithm": "SHA-256" if previous else None,
        "previousDigestSignature": previous.get("signature"),
        "logFiles": [
            {
                "s3Bucket": file["s3Bucket"],
                "s3Object": file["s3Object"],
                "hashValue": file["hashValue"],
                "hashAlgorithm": "SHA-256",
                "newestEventTime": file["at"],
                "oldestEventTime": file["at"],
            }
            for file in trail.files
        ],
    }
    return document, object_key


def _make_key() -> tuple[bytes, bytes]:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def _sign(private: bytes, text: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    key = load_der_private_key(private, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(text, padding.PKCS1v15(), SHA256()).hex()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@operation()
def list_public_keys(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    start, end = req.get("StartTime") or ctx.now, req.get("EndTime") or ctx.now
    if start > end:
        raise AwsError("InvalidTimeRangeException", "The start time must be before the end time.")
    return {
        "PublicKeyList": [
            {"Value": key.public, "ValidityStartTime": key.start, "ValidityEndTime": key.end, "Fingerprint": key.fingerprint}
            for key in ctx.where(SigningKey)
            if key.start <= end and key.end >= start
        ]
    }
