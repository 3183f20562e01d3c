"""A grant, as a record."""

from __future__ import annotations

from datetime import datetime

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record
from cloudjar.services.kms import errors


@record("kms.grant", key=("key_id", "id"), indexes={"retiring": ("retiring", "key_id", "id"), "token": "token"})
class Grant(Record):
    """What a principal may do with a key, given to it without touching the key's policy."""

    key_id: str
    id: str
    token: str
    created: datetime
    grantee: str
    operations: list[str]
    issuing_account: str
    issuing_principal: str = ""
    retiring: str | None = None
    name: str = ""
    subset: dict[str, str] | None = None
    """The encryption context must hold these pairs."""
    equals: dict[str, str] | None = None
    """The encryption context must be exactly this."""
    source_arn: str = ""
    """The resource on whose behalf a service must be acting."""
    for_service: bool = False
    """The grantee is a service principal."""
    retiring_service: bool = False


def check_tokens(ctx: Context, tokens: list[str]) -> None:
    """InvalidGrantTokenException unless they are tokens of grants; a grant holds at once here, so they change nothing else."""
    for token in tokens:
        if ctx.where(Grant, token=token).first() is None:
            raise errors.invalid_grant_token()
