"""How objects are encrypted: what a request or the bucket asks for, the data key, and what answers say.

SSE-S3 is reported only; SSE-KMS encrypts the files under a data key that KMS wraps, SSE-C under the customer's.
Source: "Protecting data with server-side encryption" in the Amazon S3 User Guide.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.ids import secret_bytes
from cloudjar.services.s3 import errors
from cloudjar.services.s3.buckets import Bucket
from cloudjar.services.s3.ciphers import Seal
from cloudjar.services.s3.configurations import configuration
from cloudjar.services.s3.objects import Encryption

KIND = "encryption"
KMS = ("aws:kms", "aws:kms:dsse")
CUSTOMER = "customer"
OWN = {"ServerSideEncryption": "AES256"}
"""What answers say of all that is not encrypted otherwise: S3 encrypts every object with its own keys."""

_DENIED = ("AccessDenied", "AccessDeniedException")


def to_wire(encryption: Encryption | None) -> dict[str, Any]:
    """The members of an answer."""
    if encryption is None:
        return OWN
    if encryption.algorithm == CUSTOMER:
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": encryption.customer_md5}
    wire: dict[str, Any] = {"ServerSideEncryption": encryption.algorithm, "SSEKMSKeyId": encryption.key_arn}
    if encryption.bucket_key:
        wire["BucketKeyEnabled"] = True
    return wire


def begin(ctx: Context, bucket: Bucket, key: str, req: dict[str, Any]) -> tuple[Encryption | None, Seal | None]:
    """How a new object will be encrypted, and its data key; (None, None) for S3's own keys. Inside a transaction."""
    default = configuration(ctx, bucket, KIND)
    customer = _customer_key(req, "")
    algorithm = req.get("ServerSideEncryption")
    if customer is not None:
        if algorithm is not None:
            raise errors.invalid_argument(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified"
            )
        blocked = ((default or {}).get("BlockedEncryptionTypes") or {}).get("EncryptionType") or ()
        if "SSE-C" in blocked:
            raise errors.access_denied()
        return _for_customer(customer), Seal(customer)
    if algorithm is None and default is None and "SSEKMSKeyId" not in req:
        return None, None
    applied = (default or {}).get("ApplyServerSideEncryptionByDefault") or {"SSEAlgorithm": "AES256"}
    key_id, bucket_key = req.get("SSEKMSKeyId"), req.get("BucketKeyEnabled")
    if algorithm is None:
        if key_id is not None:
            words = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
            raise errors.invalid_argument(words, "x-amz-server-side-encryption", None)
        algorithm, key_id = applied["SSEAlgorithm"], applied.get("KMSMasterKeyID")
    elif algorithm in KMS and key_id is None and applied["SSEAlgorithm"] in KMS:
        key_id = applied.get("KMSMasterKeyID")
    check_algorithm(algorithm, "PutObject")
    if algorithm not in KMS:
        if key_id is not None:
            words = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
            raise errors.invalid_argument(words, "x-amz-server-side-encryption", algorithm)
        return None, None
    if bucket_key is None:
        bucket_key = bool((default or {}).get("BucketKeyEnabled"))
    return _with_kms(ctx, bucket, key, algorithm, key_id, bucket_key and algorithm == "aws:kms", req.get("SSEKMSEncryptionContext"))


def check_algorithm(algorithm: str, operation: str) -> None:
    """Raises InvalidArgument for what is no algorithm, NotImplemented for what is not done here."""
    if algorithm in ("aws:fsx", "aws:backup"):
        raise not_implemented("s3", operation, f"{algorithm} encryption")
    if algorithm != "AES256" and algorithm not in KMS:
        words = "The encryption method specified is not supported"
        raise errors.invalid_argument(words, "x-amz-server-side-encryption", algorithm)


def _with_kms(
    ctx: Context, bucket: Bucket, key: str, algorithm: str, key_id: str | None, bucket_key: bool, given: str | None
) -> tuple[Encryption, Seal]:
    context = _read_context(given)
    context["aws:s3:arn"] = bucket.arn if bucket_key else f"{bucket.arn}/{key}"
    wanted = {"KeyId": key_id or "alias/aws/s3", "KeySpec": "AES_256", "EncryptionContext": context}
    made = _kms(ctx, bucket.region, "GenerateDataKey", wanted)
    return Encryption(algorithm, made["KeyId"], made["CiphertextBlob"], context, bucket_key), Seal(made["Plaintext"])


def _read_context(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    try:
        found = json.loads(base64.b64decode(text, validate=True))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        words = (
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON "
            "which represents a string-string map"
        )
        raise errors.invalid_argument(words, "x-amz-server-side-encryption-context", text)
    return found


def _kms(ctx: Context, region: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
    """A call to KMS as the caller; its errors as S3 passes them on."""
    try:
        return ctx.at(region=region).call("kms", operation, req)
    except AwsError as error:
        if error.code in _DENIED:
            raise AwsError("AccessDenied", error.message, status=403) from None
        if error.code == "NotImplemented":
            raise
        raise AwsError(f"KMS.{error.code}", error.message, status=400) from None


def open_key(
    ctx: Context, bucket: Bucket, encryption: Encryption | None, req: dict[str, Any], prefix: str = "", status: int = 403
) -> bytes | None:
    """The data key of what is stored, for a caller who may have it; None where nothing is encrypted. Inside a transaction.

    `prefix` is "CopySource" for the members that tell of a copy's source.
    """
    customer = _customer_key(req, prefix)
    if encryption is None or encryption.algorithm != CUSTOMER:
        if customer is not None:
            raise errors.invalid_request("The encryption parameters are not applicable to this object.")
        if encryption is None:
            return None
        opened: bytes = _kms(
            ctx,
            bucket.region,
            "Decrypt",
            {"CiphertextBlob": encryption.wrapped, "EncryptionContext": encryption.context, "KeyId": encryption.key_arn},
        )["Plaintext"]
        return opened
    if customer is None:
        words = (
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
        )
        raise errors.invalid_request(words)
    if not hmac.compare_digest(_check(customer, encryption.salt), encryption.wrapped):
        raise errors.access_denied()
    return customer


def _customer_key(req: dict[str, Any], prefix: str) -> bytes | None:
    """The key in an SSE-C request, or None; raises InvalidArgument and its like for half of one."""
    algorithm, text, claimed = (
        req.get(f"{prefix}SSECustomerAlgorithm"),
        req.get(f"{prefix}SSECustomerKey"),
        req.get(f"{prefix}SSECustomerKeyMD5"),
    )
    if algorithm is None and text is None and claimed is None:
        return None
    if algorithm is None:
        words = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm."
        raise errors.invalid_argument(words, "x-amz-server-side-encryption", None)
    if algorithm != "AES256":
        words = "The encryption request you specified is not valid. The valid value is AES256."
        raise AwsError("InvalidEncryptionAlgorithmError", words, status=400)
    if text is None:
        words = "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key."
        raise errors.invalid_argument(words, "x-amz-server-side-encryption", None)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        words = "The secret key was invalid for the specified algorithm."
        raise errors.invalid_argument(words, "x-amz-server-side-encryption", None)
    if claimed is None or _md5(key) != claimed:
        words = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise errors.invalid_argument(words, "x-amz-server-side-encryption", None)
    return key


def _for_customer(key: bytes) -> Encryption:
    """S3 keeps a salted digest of the key, not the key."""
    salt = secret_bytes(16)
    return Encryption(CUSTOMER, wrapped=_check(key, salt), customer_md5=_md5(key), salt=salt)


def _check(key: bytes, salt: bytes) -> bytes:
    return hmac.new(salt, key, hashlib.sha256).digest()


def _md5(key: bytes) -> str:
    return base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
