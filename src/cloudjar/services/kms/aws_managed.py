"""AWS managed keys: `alias/aws/...`, made when a service or a caller first names them."""

from __future__ import annotations

import json

from cloudjar.kernel.context import Context
from cloudjar.kernel.ids import secret_bytes
from cloudjar.services.kms.alias_record import Alias
from cloudjar.services.kms.material import add_first
from cloudjar.services.kms.records import Key

PREFIX = "alias/aws/"

SERVICES = frozenset(
    {
        "acm", "backup", "cloud9", "codeartifact", "codecommit", "codewhisperer", "dax", "dms", "dynamodb", "ebs", "elasticfilesystem",
        "es", "fsx", "glue", "kafka", "kinesis", "kinesisvideo", "lambda", "lightsail", "mwaa", "rds", "redshift", "s3",
        "secretsmanager", "ses", "sns", "sqs", "ssm", "workspaces", "xray",
    }
)  # fmt: skip
"""The services that have a key of their own in each account and Region. Source: the services' pages on encryption at rest."""

# Where the name of the alias is not that of the service in kms:ViaService.
_VIA = {"ebs": "ec2"}


def alias_on_demand(ctx: Context, name: str) -> Alias | None:
    """The alias of an AWS managed key, made together with its key; None if AWS has none of that name."""
    service = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or service not in SERVICES:
        return None
    key_id = ctx.ids.uuid()
    key = Key(
        key_id,
        ctx.arn("kms", f"key/{key_id}"),
        ctx.account,
        ctx.region,
        ctx.now,
        _policy(ctx, service),
        manager="AWS",
        description=f"Default key that protects my {service.upper()} data when no other key is defined",
    )
    add_first(ctx, key, secret_bytes(32))
    return ctx.put(Alias(name, key_id, ctx.now, ctx.now))


def _policy(ctx: Context, service: str) -> str:
    """Principals of the account may use the key through its service, and look at it."""
    account, via = ctx.account, _VIA.get(service, service)
    through = {
        "Sid": f"Allow access through {service.upper()} for all principals in the account that are authorized to use {service.upper()}",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"{via}.{ctx.region}.amazonaws.com"}},
    }
    direct = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{ctx.partition}:iam::{account}:root"},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": f"auto-{service}-1", "Statement": [through, direct]})
