"""Credentials that IAM and STS issued, as records, and what they resolve to."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from cloudjar.kernel.ids import secret_bytes
from cloudjar.kernel.principal import Principal
from cloudjar.kernel.records import Record, record


@record("identity.access_key", key="id", scope="world", indexes={"user": ("account", "user_name")})
class AccessKey(Record):
    """A lasting access key of an IAM user, or, with an empty user name, of the account's root."""

    id: str
    account: str
    user_name: str
    user_id: str
    user_arn: str
    secret: str
    created: datetime
    status: str = "Active"
    last_used: datetime | None = None
    last_used_service: str = "N/A"
    last_used_region: str = "N/A"


@record("identity.session", key="id", scope="world")
class Session(Record):
    """Temporary credentials that STS issued. They stay for a day past their end, so that they are reported as expired."""

    id: str
    secret: str
    token: str
    principal: Principal
    issued: datetime
    expires: datetime
    source_identity: str = ""
    transitive_tags: tuple[str, ...] = ()
    """Keys of those of the principal's session tags that sessions chained from this one keep."""
    mfa_at: datetime | None = None
    """When a device's code was given; for aws:MultiFactorAuthAge."""
    federated_provider: str = ""
    """The OIDC or SAML provider that vouched; for aws:FederatedProvider."""
    claims: dict[str, str] = {}
    """What that provider said, as condition keys ("saml:sub", "accounts.example.com:aud"); or whose code a service gave the session to
    ("lambda:sourcefunctionarn")."""


def new_key_id(prefix: Literal["AKIA", "ASIA"], account: str, data: Callable[[int], bytes]) -> str:
    """An access key id. As AWS's do, it holds its account's number: 40 bits after a leading 1, in base 32.

    `data` gives so many bytes: `ctx.ids.data`.
    """
    head = (1 << 47 | int(account) << 7 | data(1)[0] & 0x7F).to_bytes(6, "big")
    return prefix + base64.b32encode(head + data(4)).decode()


def account_in(key_id: str) -> str | None:
    """The account that an access key id holds; None for ids of the form that AWS gave out before 2019."""
    try:
        head = int.from_bytes(base64.b32decode(key_id[4:20])[:6], "big")
    except ValueError:
        return None
    number = (head & 0x7FFF_FFFF_FF80) >> 7
    return f"{number:012d}" if head >> 47 and number < 10**12 else None


def new_secret() -> str:
    """A secret access key: 40 letters of base 64."""
    return base64.b64encode(secret_bytes(30)).decode()


def new_token(least: int = 0) -> str:
    """A session token, of so many letters or more. Opaque; AWS's start with these letters and are a few hundred long."""
    head = "IQoJb3JpZ2luX2Vj"
    return head + base64.b64encode(secret_bytes(max(210, -(-(least - len(head)) * 3 // 4)))).decode()
