"""Filter criteria under a customer's own key: sealed as who gives them, opened by Lambda itself, which the key's policy must let.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filter-criteria-encryption
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.names import function_arn

if TYPE_CHECKING:
    from cloudjar.services.lambda_.event_sources import EventSourceMapping


def settle(ctx: Context, fields: dict[str, Any], function: str, old: EventSourceMapping | None = None) -> dict[str, Any]:
    """A mapping's fields with its filters sealed, where it has a key; as the caller. Raises InvalidParameterValueException."""
    key = fields.get("kms_key", old.kms_key if old else "")
    if not (key or (old and old.kms_key)) or not {"filters", "kms_key"} & fields.keys():
        return fields
    try:
        plain = fields["filters"] if "filters" in fields else opened(ctx, old) if old else ()
        if not key or not plain:
            return {**fields, "filters": plain, "sealed_filters": b""}
        text = json.dumps(plain).encode()
        request = {"KeyId": key, "Plaintext": text, "EncryptionContext": _context(ctx, function)}
        return {**fields, "filters": (), "sealed_filters": ctx.call("kms", "Encrypt", request)["CiphertextBlob"]}
    except AwsError as error:
        raise errors.filter_key_not_usable(error) from None


def opened(ctx: Context, mapping: EventSourceMapping) -> tuple[str, ...]:
    """A mapping's filters. Raises what KMS says."""
    if not mapping.sealed_filters:
        return mapping.filters
    request = {
        "KeyId": mapping.kms_key,
        "CiphertextBlob": mapping.sealed_filters,
        "EncryptionContext": _context(ctx, mapping.function),
    }
    return tuple(json.loads(ctx.call("kms", "Decrypt", request)["Plaintext"]))


def opened_by_lambda(ctx: Context, mapping: EventSourceMapping) -> tuple[str, ...]:
    """The same, for a poller."""
    return opened(ctx.as_service("lambda.amazonaws.com", function_arn(ctx, mapping.function)), mapping)


def to_wire(ctx: Context, mapping: EventSourceMapping) -> dict[str, Any]:
    """What a caller sees of the filters: them, or why not."""
    try:
        return {"FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in opened(ctx, mapping)]}}
    except AwsError as error:
        return {"FilterCriteriaError": {"ErrorCode": error.code, "Message": error.message}}


def _context(ctx: Context, function: str) -> dict[str, str]:
    return {"aws:lambda:FunctionArn": function_arn(ctx, function)}
