"""Encryption of tables with keys of KMS: a key must be usable when it is chosen, and stay so for its table to be reached.

Source: "DynamoDB encryption at rest: How it works" in the developer guide.
"""

from __future__ import annotations

import contextlib
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.keys import microseconds
from cloudjar.kernel.world import World
from cloudjar.services.dynamodb import errors
from cloudjar.services.dynamodb.schema import Table, table_arn

PRINCIPAL = "dynamodb.amazonaws.com"
_OPERATIONS = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant"]
_REMEMBERED_SECONDS = 300
"""How long DynamoDB goes on with a table key before it asks KMS again."""


class KnownKeys:
    """Until when, in microseconds, DynamoDB does without asking KMS about a key. In memory: forgetting costs one question."""

    def __init__(self, world: World) -> None:
        self.until: dict[str, int] = {}


def specified(ctx: Context, name: str, given: dict[str, Any] | None) -> dict[str, str]:
    """The encryption that a specification asks for: {} for DynamoDB's own key, else an SSEDescription and the grant that DynamoDB gets."""
    if not given or not given.get("Enabled"):
        if given and given.get("KMSMasterKeyId"):
            raise errors.invalid_parameters("KMSMasterKeyId can only be specified when SSE is enabled")
        return {}
    if given.get("SSEType") == "AES256":
        raise errors.invalid_parameters("SSEType AES256 is not supported")
    wanted = given.get("KMSMasterKeyId")
    if wanted and not given.get("SSEType"):
        raise errors.invalid_parameters("SSEType KMS is required if KMSMasterKeyId is specified")
    token = ""
    try:
        key = ctx.call("kms", "DescribeKey", {"KeyId": wanted or "alias/aws/dynamodb"})["KeyMetadata"]
        if key["KeyState"] != "Enabled" or key["KeySpec"] != "SYMMETRIC_DEFAULT":
            raise errors.unusable_key(f"{key['Arn']} is not an enabled symmetric encryption key")
        if key["KeyManager"] == "CUSTOMER":
            context = {"aws:dynamodb:tableName": name, "aws:dynamodb:subscriberId": ctx.account}
            grant = {
                "KeyId": key["Arn"],
                "GranteeServicePrincipal": PRINCIPAL,
                "RetiringServicePrincipal": PRINCIPAL,
                "Operations": _OPERATIONS,
                "Constraints": {"EncryptionContextSubset": context, "SourceArn": table_arn(ctx, name)},
            }
            token = ctx.call("kms", "CreateGrant", grant)["GrantToken"]
    except AwsError as error:
        if error.code == "ValidationException":
            raise
        raise errors.unusable_key(error.message) from None
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"], "GrantToken": token}


def to_wire(encryption: dict[str, str]) -> dict[str, str]:
    """An SSEDescription."""
    return {member: value for member, value in encryption.items() if member != "GrantToken"}


def release(there: Context, table: Table) -> None:
    """Gives back the grant on a key that a table needs no more."""
    token = table.encryption.get("GrantToken")
    if token:
        with contextlib.suppress(AwsError):  # the key, or the grant, may be gone before
            there.as_service(PRINCIPAL, table_arn(there, table.name)).call("kms", "RetireGrant", {"GrantToken": token})


def problem(there: Context, table: Table) -> AwsError | None:
    """Why DynamoDB cannot use a table's key now; None where it can, or needs no grant."""
    # Nobody can take AWS's own key away, and tables of earlier versions have no grant.
    if not table.encryption.get("GrantToken"):
        return None
    arn = table.encryption["KMSMasterKeyArn"]
    service = there.as_service(PRINCIPAL, table_arn(there, table.name))
    try:
        key = service.call("kms", "DescribeKey", {"KeyId": arn})["KeyMetadata"]
    except AwsError as error:
        return errors.inaccessible_key(error.message)
    return None if key["KeyState"] == "Enabled" else errors.inaccessible_key(f"{arn} is {key['KeyState']}.")


def check(there: Context, table: Table) -> None:
    """Raises AccessDeniedException where a table's key cannot be used; asks KMS every five minutes."""
    known, arn = there.world.part(KnownKeys), table.encryption.get("KMSMasterKeyArn", "")
    if known.until.get(arn, 0) > microseconds(there.now):
        return
    found = problem(there, table)
    if found is not None:
        raise found
    known.until[arn] = microseconds(there.now) + _REMEMBERED_SECONDS * 1_000_000
