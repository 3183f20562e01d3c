"""`/aws/reference/secretsmanager/NAME`: a secret of Secrets Manager, read as a parameter."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.services.ssm import errors
from cloudjar.services.ssm.names import Reference

PREFIX = "/aws/reference/secretsmanager/"


def resolve(ctx: Context, reference: Reference, decrypted: bool) -> dict[str, Any]:
    """The secret as a parameter; ParameterNotFound where Secrets Manager has none."""
    if not decrypted:
        raise errors.secret_needs_decryption()
    request: dict[str, Any] = {"SecretId": reference.name.removeprefix(PREFIX)}
    if reference.selector:
        # A selector is a staging label, or the id of a version.
        request["VersionId" if len(reference.selector) >= 32 else "VersionStage"] = reference.selector
    try:
        secret = ctx.call("secretsmanager", "GetSecretValue", request)
    except AwsError as problem:
        if problem.code == "ResourceNotFoundException":
            raise errors.parameter_not_found() from None
        raise
    shown = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in secret.items() if name != "SecretBinary"}
    wire: dict[str, Any] = {
        "Name": reference.name,
        "Type": "SecureString",
        "Value": secret.get("SecretString", ""),
        "Version": 0,
        "SourceResult": json.dumps(shown),
        "LastModifiedDate": secret["CreatedDate"],
        "ARN": secret["ARN"],
        "DataType": "text",
    }
    if reference.selector:
        wire["Selector"] = f":{reference.selector}"
    return wire
