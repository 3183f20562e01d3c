"""Credentials that IAM and STS issued, as records, and what they resolve to."""

from __future__ import annotations

from datetime import datetime

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
    """Temporary credentials that STS issued."""

    id: str
    secret: str
    token: str
    principal: Principal
    issued: datetime
    expires: datetime
