"""Access control lists as values: canned ones, headers, documents, and what they let a caller do.

Source: "Access control list (ACL) overview" in the Amazon S3 User Guide.
"""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.principal import Principal
from cloudjar.services.s3 import errors
from cloudjar.services.s3.names import canonical_user

Grant = tuple[str, str, str]
"""(grantee's type, id or URI, permission)."""

USER, GROUP = "CanonicalUser", "Group"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
GROUPS = (ALL_USERS, AUTHENTICATED, LOG_DELIVERY)
EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
"""The account that EC2 reads bundles of images with."""

PERMISSIONS = ("FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP")
HEADERS = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}
MOST = 100

_CANNED: dict[str, tuple[Grant, ...]] = {
    "private": (),
    "public-read": ((GROUP, ALL_USERS, "READ"),),
    "public-read-write": ((GROUP, ALL_USERS, "READ"), (GROUP, ALL_USERS, "WRITE")),
    "authenticated-read": ((GROUP, AUTHENTICATED, "READ"),),
    "aws-exec-read": ((USER, EC2, "READ"),),
    "log-delivery-write": ((GROUP, LOG_DELIVERY, "WRITE"), (GROUP, LOG_DELIVERY, "READ_ACP")),
}
_GRANTEE = re.compile(r'\s*(id|uri|emailAddress)\s*=\s*"?([^",]+)"?\s*', re.IGNORECASE)

_OBJECT_ACTIONS = {
    "READ": ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTorrent"),
    "READ_ACP": ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    "WRITE_ACP": ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
}
_BUCKET_ACTIONS = {
    "READ": ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
    "WRITE": ("s3:PutObject", "s3:DeleteObject"),
    "READ_ACP": ("s3:GetBucketAcl",),
    "WRITE_ACP": ("s3:PutBucketAcl",),
}


def wanted(req: dict[str, Any], owner: str, bucket_owner: str) -> tuple[Grant, ...] | None:
    """The grants that a request's members ask for; None if it has none. `owner` and `bucket_owner` are accounts."""
    canned = req.get("ACL")
    headers = [member for member in HEADERS if member in req]
    if canned is not None and headers:
        raise errors.invalid_request("Specifying both Canned ACLs and Header Grants is not allowed")
    full = (USER, canonical_user(owner), "FULL_CONTROL")
    if canned is not None:
        if canned in ("bucket-owner-read", "bucket-owner-full-control"):
            permission = "READ" if canned == "bucket-owner-read" else "FULL_CONTROL"
            return (full,) if owner == bucket_owner else (full, (USER, canonical_user(bucket_owner), permission))
        if canned not in _CANNED:
            raise errors.invalid_argument("", "x-amz-acl", canned)
        return (full, *_CANNED[canned])
    if headers:
        return tuple(grant for member in headers for grant in _from_header(req[member], HEADERS[member]))
    return None


def _from_header(text: str, permission: str) -> list[Grant]:
    found = []
    for item in text.split(","):
        match = _GRANTEE.fullmatch(item)
        if match is None:
            raise errors.invalid_argument("Argument format not recognized", f"x-amz-grant-{permission.lower().replace('_', '-')}", text)
        kind, value = match[1].lower(), match[2].strip()
        if kind == "emailaddress":
            raise _no_such_mail()
        found.append(_checked(USER if kind == "id" else GROUP, value, permission))
    return found


NOBODY: tuple[Grant, ...] = ((GROUP, "", ""),)
"""A list that was emptied: one that was never set is the owner's full control."""


def from_document(document: dict[str, Any], owner: str) -> tuple[Grant, ...]:
    """The grants of an AccessControlPolicy; raises MalformedACLError, InvalidArgument."""
    if (document.get("Owner") or {}).get("ID", canonical_user(owner)) != canonical_user(owner):
        raise errors.access_denied()
    grants = document.get("Grants") or []
    if len(grants) > MOST:
        raise errors.malformed_acl()
    found = []
    for item in grants:
        grantee = item.get("Grantee") or {}
        kind = grantee.get("Type")
        if kind == "AmazonCustomerByEmail":
            raise _no_such_mail()
        value = grantee.get("ID") if kind == USER else grantee.get("URI") if kind == GROUP else None
        if value is None or item.get("Permission") not in PERMISSIONS:
            raise errors.malformed_acl()
        found.append(_checked(str(kind), value, item["Permission"]))
    return tuple(found) or NOBODY


def _checked(kind: str, value: str, permission: str) -> Grant:
    if kind == USER and not re.fullmatch(r"[0-9a-f]{64}", value):
        raise errors.invalid_argument("Invalid id", "CanonicalUser/ID", value)
    if kind == GROUP and value not in GROUPS:
        raise errors.invalid_argument("Invalid group uri", "Group/URI", value)
    return (kind, value, permission)


def _no_such_mail() -> AwsError:
    words = "The e-mail address you provided does not match any account on record."
    return AwsError("UnresolvableGrantByEmailAddress", words, status=400)


def is_public(grants: tuple[Grant, ...]) -> bool:
    """Whether a list lets in the public."""
    return any(value in (ALL_USERS, AUTHENTICATED) for _, value, _ in grants)


def to_wire(grants: tuple[Grant, ...], owner: str) -> dict[str, Any]:
    """An AccessControlPolicy's members."""
    shown = grants or ((USER, canonical_user(owner), "FULL_CONTROL"),)
    return {
        "Owner": {"ID": canonical_user(owner)},
        "Grants": [
            {"Grantee": {"Type": kind, "ID" if kind == USER else "URI": value}, "Permission": permission}
            for kind, value, permission in shown
            if permission
        ],
    }


def statements(grants: tuple[Grant, ...], principal: Principal, *, of_object: bool, ignore_public: bool) -> list[dict[str, Any]]:
    """The grants that are for a caller, as statements of a policy."""
    table = _OBJECT_ACTIONS if of_object else _BUCKET_ACTIONS
    found = []
    for kind, value, permission in grants:
        if kind == USER:
            if not principal.account or value != canonical_user(principal.account):
                continue
            who: Any = {"AWS": principal.account}
        elif ignore_public or (value == AUTHENTICATED and principal.kind == "anonymous") or value == LOG_DELIVERY:
            continue
        else:
            who = "*"
        actions = [name for names in table.values() for name in names] if permission == "FULL_CONTROL" else list(table.get(permission, ()))
        if actions:
            found.append({"Effect": "Allow", "Principal": who, "Action": actions, "Resource": "*"})
    return found
