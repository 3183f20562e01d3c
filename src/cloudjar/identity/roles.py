"""IAM roles, as records: IAM makes them, STS gives sessions of them, the judge reads them."""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.records import Record, record


@record("iam.role", key="name", scope="account", indexes={"folded": "folded", "id": "id", "boundary": ("boundary", "name")})
class Role(Record):
    """An identity that others assume."""

    name: str
    folded: str
    """The name in lower case: names that differ in case alone are one."""
    id: str
    """AROA..."""
    arn: str
    path: str
    trust_policy: str
    """The document as it was sent."""
    created: datetime
    description: str = ""
    max_session_seconds: int = 3600
    max_signin_seconds: int | None = None
    """How long a console session may last; None where it is not set."""
    boundary: str | None = None
    """The ARN of the managed policy that bounds its permissions."""
    service: str = ""
    """The service that owns a service-linked role, "ecs.amazonaws.com"."""
    last_used: datetime | None = None
    last_used_region: str = ""
