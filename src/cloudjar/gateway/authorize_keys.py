"""The condition keys that a request itself brings: its tags, and the service's own keys that are named like its members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from cloudjar.identity.principal_keys import Keys, tag_keys
from cloudjar.identity.service_reference import ActionSpec
from cloudjar.kernel.clock import wall_seconds
from cloudjar.kernel.context import Context

_TAG_MEMBERS = ("Tags", "tags", "TagList", "Tag")


def request_tags(req: dict[str, Any]) -> dict[str, str]:
    """The tags that a request puts on something, in any of the shapes that services have for them."""
    for member in _TAG_MEMBERS:
        if req.get(member):
            return _as_tags(req[member])
    found: dict[str, str] = {}
    for specification in req.get("TagSpecifications") or req.get("TagSpecification") or ():
        if isinstance(specification, dict):
            found |= _as_tags(specification.get("Tags") or specification.get("tags"))
    return found


def _as_tags(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        inner = value.get("Items")
        if isinstance(inner, list):
            return _as_tags(inner)
        return {key: item for key, item in value.items() if isinstance(item, str)}
    found = {}
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            key = item.get("Key") or item.get("key") or item.get("TagKey")
            if isinstance(key, str):
                found[key] = str(item.get("Value") or item.get("value") or item.get("TagValue") or "")
    return found


class LaterKeys(Mapping[str, Any]):
    """Condition keys that are put together when the first is asked for: most policies ask for none."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Keys]) -> None:
        self._make = make
        self._made: Keys | None = None

    @property
    def _keys(self) -> Keys:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, key: str) -> Any:
        return self._keys[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def member_keys(ctx: Context, spec: ActionSpec, req: dict[str, Any]) -> Keys:
    """The service's own keys whose names are those of the request's members, without regard to case and hyphens."""
    folded = {name.lower(): value for name, value in req.items()}
    keys: Keys = {}
    prefix = spec.action.partition(":")[0]
    for key, name in _own_keys(spec):
        # An action may have dozens of keys, of which a request brings one or two.
        if name in folded and (value := _text(folded[name])) is not None:
            keys[key] = value
    if prefix == "s3":
        keys |= _s3_keys(ctx, req)
    elif prefix == "ec2":
        keys["ec2:region"] = ctx.region
    return keys


@lru_cache(maxsize=2048)
def _own_keys(spec: ActionSpec) -> tuple[tuple[str, str], ...]:
    """(key in lower case, the member's name in lower case) of the keys that hold for an action."""
    keys = set(spec.condition_keys)
    for resource in spec.resources:
        keys.update(resource.condition_keys)
    own = [key for key in sorted(keys) if not key.startswith("aws:") and "$" not in key]
    return tuple([(key.lower(), key.partition(":")[2].replace("-", "").lower()) for key in own])


def _text(value: Any) -> str | tuple[str, ...] | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


_S3_MEMBERS = {
    "ACL": "s3:x-amz-acl",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "StorageClass": "s3:x-amz-storage-class",
}
"""The keys that members of a call have which is made without HTTP."""


def _s3_keys(ctx: Context, req: dict[str, Any]) -> Keys:
    """S3's keys are named for its headers. Source: "Policy actions for Amazon S3", condition keys."""
    headers = ctx.call_info.headers
    keys: Keys = {f"s3:{name}": value for name, value in headers.items() if name.startswith("x-amz-")}
    for name in ("if-match", "if-none-match"):
        if name in headers:
            keys[f"s3:{name}"] = headers[name]
    algorithm = "presigned" if "authorization" not in headers and ctx.principal.kind != "anonymous" else "header"
    if not headers:
        keys |= {key: req[member] for member, key in _S3_MEMBERS.items() if req.get(member)}
    else:
        keys["s3:signatureversion"] = "AWS4-HMAC-SHA256"
        keys["s3:authtype"] = "REST-QUERY-STRING" if algorithm == "presigned" else "REST-HEADER"
        if algorithm == "presigned":
            keys |= _age(ctx.call_info.query)
        if ctx.call_info.tls:
            keys["s3:tlsversion"] = ctx.call_info.tls
    for member, key in (("Prefix", "s3:prefix"), ("Delimiter", "s3:delimiter"), ("VersionId", "s3:versionid")):
        if req.get(member):
            keys[key] = req[member]
    constraint = (req.get("CreateBucketConfiguration") or {}).get("LocationConstraint")
    if constraint:
        keys["s3:locationconstraint"] = constraint
    tagging = req.get("Tagging")
    tags = dict(parse_qsl(tagging)) if isinstance(tagging, str) else _as_tags((tagging or {}).get("TagSet"))
    if tags:
        keys["s3:requestobjecttagkeys"] = tuple(tags)
        keys |= {f"s3:requestobjecttag/{key.lower()}": value for key, value in tags.items()}
    return keys


def _age(query: str) -> Keys:
    """s3:signatureAge: the milliseconds since a presigned URL was signed. It is measured by the clock that signs, the machine's."""
    signed = dict(parse_qsl(query)).get("X-Amz-Date", "")
    try:
        instant = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return {}
    return {"s3:signatureage": str(max(0, int((wall_seconds() - instant.timestamp()) * 1000)))}


def call_keys(ctx: Context, spec: ActionSpec, req: dict[str, Any]) -> Keys:
    """All that the request's members bring."""
    return tag_keys(request_tags(req)) | member_keys(ctx, spec, req)
