"""Who makes a call."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["root", "user", "assumed-role", "federated-user", "service", "anonymous"]


class Principal(msgspec.Struct, frozen=True):
    """The caller of an operation, as IAM sees it."""

    kind: Kind
    account: str
    """The caller's own 12-digit account; "" for services and the anonymous."""
    arn: str
    """The ARN as GetCallerIdentity reports it; a service's is its name, "lambda.amazonaws.com"."""
    user_id: str = ""
    access_key: str = ""
    role_arn: str = ""
    """The role behind an assumed-role session."""
    session_policies: tuple[str, ...] = ()
    session_tags: dict[str, str] = {}
    scopes: tuple[str, ...] = ()
    """Documents of GetScopedCredentials, each of which must allow what the session does."""
    issued: float = 0.0
    """World seconds at which temporary credentials were issued; 0 for lasting ones."""
    mfa: bool = False
    invoked_by: str = ""
    """The service that assumed the role for itself, "lambda.amazonaws.com"; for CloudTrail."""
    source_arn: str = ""
    """The resource on whose behalf a service acts, for aws:SourceArn: a rule, a topic, a bucket."""


def root_of(account: str, access_key: str = "") -> Principal:
    """An account's root user."""
    return Principal("root", account, f"arn:aws:iam::{account}:root", account, access_key)


def service(name: str, account: str = "", source_arn: str = "") -> Principal:
    """An AWS service, "events.amazonaws.com", that acts for a resource in an account."""
    return Principal("service", account, name, name, source_arn=source_arn)


ANONYMOUS = Principal("anonymous", "", "*", "anonymous")
