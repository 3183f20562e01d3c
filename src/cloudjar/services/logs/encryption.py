"""Encryption with a customer's KMS key: of a group's events, and of query results.

Source: "Encrypt log data in CloudWatch Logs using AWS Key Management Service" in the user guide. A data key is made when a KMS key is
associated; KMS is asked to decrypt it whenever data is written or read, as the service `logs.REGION.amazonaws.com` with the encryption
context `aws:logs:arn`, so that the key's own policy decides.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.logs import errors
from cloudjar.services.logs.groups import LogEvent, LogGroup, find_group, group_arn, group_name

_NONCE = 12


@record("logs.query_key", key="name")
class QueryKey(Record):
    """The data key that this account and Region's query results are encrypted with; `name` is ""."""

    name: str
    kms_key: str
    data_key: bytes


def results_arn(ctx: Context) -> str:
    """What stands for all query results."""
    return ctx.arn("logs", "query-result:*")


def _on_target(ctx: Context, req: dict[str, Any]) -> str:
    if req.get("logGroupName"):
        return group_arn(ctx, req["logGroupName"]) + ":*"
    return str(req.get("resourceIdentifier") or "*")


@operation(on=_on_target)
def associate_kms_key(ctx: Context, req: dict[str, Any]) -> None:
    target = _target(ctx, req)
    if isinstance(target, LogGroup):
        associate(ctx, target, req["kmsKeyId"])
    else:
        ctx.put(QueryKey("", req["kmsKeyId"], _data_key(ctx, target, req["kmsKeyId"])))


@operation(on=_on_target)
def disassociate_kms_key(ctx: Context, req: dict[str, Any]) -> None:
    target = _target(ctx, req)
    if isinstance(target, LogGroup):
        ctx.put(replace(target, kms_key=""))
    elif found := ctx.get(QueryKey, ""):
        ctx.delete(found)


def _target(ctx: Context, req: dict[str, Any]) -> LogGroup | str:
    """The group that is meant, or the ARN that stands for query results."""
    name, identifier = req.get("logGroupName"), req.get("resourceIdentifier")
    if bool(name) == bool(identifier):
        raise errors.invalid("Exactly one of logGroupName and resourceIdentifier must be specified.")
    if identifier == results_arn(ctx):
        return str(identifier)
    if identifier and identifier != group_arn(ctx, group_name(identifier)):
        raise errors.invalid(f"The specified resourceIdentifier {identifier} is invalid.")
    return find_group(ctx, name or group_name(identifier or ""))


def associate(ctx: Context, group: LogGroup, key: str) -> None:
    """Has a group's events encrypted from now on; earlier ones stay as they are."""
    made = _data_key(ctx, group_arn(ctx, group.name), key)
    ctx.put(replace(group, kms_key=key, data_keys=(*group.data_keys, made)))


def _data_key(ctx: Context, arn: str, key: str) -> bytes:
    if not key.startswith("arn:") or ":kms:" not in key:
        raise errors.invalid(f"The specified KMS key ID '{key}' is not valid: it must be the ARN of a key.")
    request = {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": {"aws:logs:arn": arn}}
    try:
        made: bytes = _service(ctx, arn).call("kms", "GenerateDataKeyWithoutPlaintext", request)["CiphertextBlob"]
    except AwsError as error:
        if error.code in ("DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException"):
            raise errors.invalid(f"The specified KMS key cannot be used: {error.message}") from None
        raise errors.key_not_allowed(arn) from None
    return made


def _service(ctx: Context, arn: str) -> Context:
    return ctx.as_service(f"logs.{ctx.region}.amazonaws.com", arn)


def clear_key(ctx: Context, arn: str, wrapped: bytes) -> bytes:
    """A data key in the clear; AccessDeniedException if KMS does not decrypt it: the key is disabled, gone, or not for us."""
    request = {"CiphertextBlob": wrapped, "EncryptionContext": {"aws:logs:arn": arn}}
    try:
        found: bytes = _service(ctx, arn).call("kms", "Decrypt", request)["Plaintext"]
    except AwsError as error:
        if error.code == "NotImplemented":
            raise
        raise errors.key_not_allowed(arn) from None
    return found


class Vault:
    """Seals and opens a group's events; each data key is decrypted once. Used in transactions of one operation."""

    def __init__(self, ctx: Context, group: LogGroup) -> None:
        self._ctx = ctx
        self._arn = group_arn(ctx, group.name)
        self._group = group
        self._keys: dict[int, bytes] = {}

    def _key(self, number: int) -> bytes:
        found = self._keys.get(number)
        if found is None:
            found = self._keys[number] = clear_key(self._ctx, self._arn, self._group.data_keys[number - 1])
        return found

    def sealed(self, event: LogEvent) -> LogEvent:
        """An event as it is stored."""
        if not self._group.kms_key:
            return event
        number = len(self._group.data_keys)
        key = self._key(number)
        sealed, changed = (seal(key, text.encode("utf-8", "surrogatepass")) if text else b"" for text in (event.message, event.transformed))
        return replace(event, message="", transformed="", data_key=number, sealed=sealed, sealed_transformed=changed)

    def opened(self, event: LogEvent) -> LogEvent:
        """A stored event in the clear."""
        if not event.data_key:
            return event
        key = self._key(event.data_key)
        message, changed = (
            unseal(key, data).decode("utf-8", "surrogatepass") if data else "" for data in (event.sealed, event.sealed_transformed)
        )
        return replace(event, message=message, transformed=changed, data_key=0, sealed=b"", sealed_transformed=b"")


@lru_cache(maxsize=64)
def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def seal(key: bytes, data: bytes) -> bytes:
    """Encrypts with AES-GCM."""
    nonce = secret_bytes(_NONCE)
    return nonce + bytes(_cipher(key).encrypt(nonce, data, None))


def unseal(key: bytes, data: bytes) -> bytes:
    """The opposite of `seal`."""
    return bytes(_cipher(key).decrypt(data[:_NONCE], data[_NONCE:], None))
