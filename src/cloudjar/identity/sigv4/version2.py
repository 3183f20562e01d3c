"""S3's Signature Version 2: HMAC-SHA1 over headers and resource. boto3 still makes presigned URLs with it.

Source: "Authenticating Requests (AWS Signature Version 2)".
"""

from __future__ import annotations

import base64
import hmac
from time import gmtime, strftime
from urllib.parse import unquote

from cloudjar.identity.sigv4.credentials import Credentials
from cloudjar.identity.sigv4.problems import SignatureProblem
from cloudjar.wire.http import Request

SKEW = 900
# fmt: off
_SUBRESOURCES = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "intelligent-tiering", "inventory", "legal-hold",
        "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "policyStatus",
        "publicAccessBlock", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore",
        "retention", "select", "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId",
        "versioning", "versions", "website", "encryption", "ownershipControls", "attributes",
    }
)
# fmt: on


def check_expiry(credentials: Credentials, now: float) -> None:
    """Raise SignatureProblem for a presigned URL whose time is over. `now` is wall epoch seconds."""
    if now > credentials.expires:
        members = {"Expires": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(credentials.expires)), "ServerTime": _long(now)}
        raise SignatureProblem("expired", members=members, query=True)


def verify(request: Request, credentials: Credentials, secret: str, now: float, virtual_bucket: str) -> None:
    """Raise SignatureProblem unless `secret` signed this request and its time has not passed. `now` is wall epoch seconds."""
    if credentials.form == "v2-query":
        check_expiry(credentials, now)
        when = str(credentials.expires)
    else:
        _check_skew(credentials.timestamp, now)
        # With x-amz-date the Date line is empty: that header is signed among the amz headers.
        when = "" if "x-amz-date" in request.headers else request.headers.get("date", "")
    to_sign = string_to_sign(request, when, virtual_bucket)
    forms = [to_sign]
    if not virtual_bucket and "/" not in request.path[1:]:
        # boto3 signs "/bucket/" for "/bucket", which is the same resource.
        head, _, resource = to_sign.rpartition("\n")
        path, mark, kept = resource.partition("?")
        forms.append(f"{head}\n{path}/{mark}{kept}")
    if not any(_signed(form, secret, credentials.signature) for form in forms):
        members = {"AWSAccessKeyId": credentials.access_key, "StringToSign": to_sign, "SignatureProvided": credentials.signature}
        raise SignatureProblem("mismatch", members=members)


def _signed(to_sign: str, secret: str, signature: str) -> bool:
    expected = base64.b64encode(hmac.digest(secret.encode(), to_sign.encode("latin-1", "replace"), "sha1"))
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))


def string_to_sign(request: Request, when: str, virtual_bucket: str) -> str:
    """Method, Content-MD5, Content-Type, date or expiry, the amz headers, and the resource with its subresources."""
    headers = request.headers
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    kept = []
    for item in request.query.split("&") if request.query else ():
        name, equals, value = item.partition("=")
        if name in _SUBRESOURCES:
            kept.append((name, f"{name}={unquote(value)}" if equals else name))
        elif name == "x-amz-security-token":
            amz[name] = unquote(value)
    kept.sort()
    resource = (f"/{virtual_bucket}" if virtual_bucket else "") + request.path
    if kept:
        resource += "?" + "&".join(text for _, text in kept)
    lines = [request.method, headers.get("content-md5", ""), headers.get("content-type", ""), when]
    lines += [f"{name}:{' '.join(value.split())}" for name, value in sorted(amz.items())]
    return "\n".join([*lines, resource])


def http_date(text: str) -> float:
    """Epoch seconds of a Date header; ValueError or TypeError where it is none."""
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text).timestamp()


def _check_skew(stamp: str, now: float) -> None:
    try:
        moment = http_date(stamp)
    except (ValueError, TypeError, OverflowError):
        raise SignatureProblem("date") from None
    if abs(now - moment) > SKEW:
        members = {"RequestTime": stamp, "ServerTime": _long(now), "MaxAllowedSkewMilliseconds": str(SKEW * 1000)}
        raise SignatureProblem("skewed", members=members)


def _long(moment: float) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(moment))
