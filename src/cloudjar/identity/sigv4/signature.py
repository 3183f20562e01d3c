"""Signing keys, and the verdict on a signature."""

from __future__ import annotations

import base64
import binascii
import hmac
from calendar import timegm
from collections.abc import Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from time import gmtime, strftime
from urllib.parse import unquote

from cloudjar.identity.sigv4 import ecdsa, version2
from cloudjar.identity.sigv4.canonical import RAW_PATHS, canonical_headers, canonical_path, canonical_query
from cloudjar.identity.sigv4.credentials import V4A, Credentials, parse_credentials
from cloudjar.identity.sigv4.problems import SignatureProblem
from cloudjar.identity.sigv4.version2 import http_date
from cloudjar.wire.http import Request

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
UNSIGNED = "UNSIGNED-PAYLOAD"
LITERALS = frozenset(
    {
        UNSIGNED,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-EVENTS",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    }
)
_HEX = frozenset("0123456789abcdef")
S3_SKEW = 900
SKEW = 300


class SigningKeys:
    """A bounded cache of derived keys, owned by whoever verifies. A key is good for one secret, day, Region and service."""

    __slots__ = ("_keys", "_limit")

    def __init__(self, limit: int = 1024) -> None:
        self._keys: dict[tuple[str, str, str, str], bytes] = {}
        self._limit = limit

    def key(self, secret: str, date: str, region: str, service: str) -> bytes:
        """The signing key; derived on first use."""
        name = (secret, date, region, service)
        found = self._keys.get(name)
        if found is None:
            if len(self._keys) >= self._limit:
                self._keys.pop(next(iter(self._keys)))
            found = self._keys[name] = derive_key(secret, date, region, service)
        return found


def derive_key(secret: str, date: str, region: str, service: str) -> bytes:
    """HMAC-SHA256 chained over day, Region, service and "aws4_request"."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return key


def verify(
    request: Request,
    credentials: Credentials,
    secret: str,
    now: float,
    payload_hash: str | None,
    keys: SigningKeys | None = None,
    *,
    virtual_bucket: str = "",
) -> None:
    """Raise SignatureProblem unless `secret` signed this very request and its time has come and not passed.

    `now` is wall time, in epoch seconds. `payload_hash` is the body's SHA-256 in hex; None while the body still streams:
    then the hash that the headers declare is what was signed (`declared_payload`), and the caller compares it at the end.
    Signed chunks are the caller's to check as they come (`ChunkVerifier`). Whether the credentials are alive, the token is
    theirs and the scope is the endpoint's (`check_scope`) is asked apart.
    `virtual_bucket` is the bucket in the host name, which Version 2 signs.
    """
    if credentials.form in ("v2-header", "v2-query"):
        version2.verify(request, credentials, secret, now, virtual_bucket)
        return
    raw = credentials.service in RAW_PATHS
    _check_time(credentials, now, raw)
    _check_signed_headers(request.headers, credentials, raw)
    canonical = canonical_request(request, credentials, _payload(request, credentials, payload_hash, raw))
    to_sign = string_to_sign(credentials, canonical)
    if credentials.algorithm == V4A:
        if ecdsa.verify(credentials.access_key, secret, to_sign, credentials.signature):
            return
    else:
        make = keys.key if keys is not None else derive_key
        key = make(secret, credentials.date, credentials.region, credentials.service)
        expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
        if hmac.compare_digest(expected, credentials.signature.encode("ascii", "replace").decode()):
            return
    raise _mismatch(credentials, canonical, to_sign)


def check_presigned(request: Request, now: float) -> None:
    """Raise SignatureProblem for a presigned URL of S3 that is over, or that does not parse, whoever signed it; `now` is wall time."""
    credentials = parse_credentials(request)
    if credentials is None:
        return
    if credentials.form == "v2-query":
        version2.check_expiry(credentials, now)
    elif credentials.form == "query" and now > request_time(credentials) + credentials.expires:
        _check_time(credentials, now, raw=True)


def canonical_request(request: Request, credentials: Credentials, payload: str) -> str:
    """The canonical request, as text. Source: "Create a canonical request"."""
    signed = credentials.signed_headers
    without = "X-Amz-Signature" if credentials.form == "query" else ""
    return (
        f"{request.method}\n{canonical_path(request.path, credentials.service)}\n{canonical_query(request.query, without)}\n"
        f"{canonical_headers(request.headers, signed)}\n{';'.join(signed)}\n{payload}"
    )


def string_to_sign(credentials: Credentials, canonical: str) -> str:
    """The string to sign. A Version 4A scope has no Region."""
    scope = f"{credentials.date}/{credentials.service}/aws4_request" if credentials.algorithm == V4A else credentials.scope
    digest = sha256(canonical.encode("latin-1", "replace")).hexdigest()
    return f"{credentials.algorithm}\n{_iso(credentials)}\n{scope}\n{digest}"


def _iso(credentials: Credentials) -> str:
    stamp = credentials.timestamp
    if len(stamp) == 16 and stamp[8] == "T":
        return stamp
    return strftime("%Y%m%dT%H%M%SZ", gmtime(request_time(credentials)))


def request_time(credentials: Credentials) -> float:
    """Epoch seconds of X-Amz-Date or Date; SignatureProblem where neither is a date."""
    stamp = credentials.timestamp
    try:
        if len(stamp) == 16 and stamp[8] == "T" and stamp[15] == "Z" and stamp.isascii() and (stamp[:8] + stamp[9:15]).isdecimal():
            month, day = int(stamp[4:6]), int(stamp[6:8])
            hour, minute, second = int(stamp[9:11]), int(stamp[11:13]), int(stamp[13:15])
            if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
                raise ValueError(stamp)
            return timegm((int(stamp[:4]), month, day, hour, minute, second))
        return http_date(stamp)
    except (ValueError, TypeError, OverflowError):
        message = f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        raise SignatureProblem("date", message) from None


def _check_time(credentials: Credentials, now: float, raw: bool) -> None:
    moment = request_time(credentials)
    stamp = _iso(credentials)
    query = credentials.form == "query"
    if stamp[:8] != credentials.date:
        raise SignatureProblem(
            "scope-date",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{credentials.date}' != '{stamp[:8]}', from '{stamp}'.",
            s3=f'Invalid credential date "{credentials.date}". This date is not the same as X-Amz-Date: "{stamp[:8]}".',
            query=query,
        )
    skew = S3_SKEW if raw else SKEW
    life = skew
    if query:
        if raw and not credentials.expires:
            raise SignatureProblem("query-parameters", s3="X-Amz-Expires must be greater than zero", query=True)
        # The other services give a presigned URL its fifteen minutes whatever it says (EKS's tokens say 60).
        life = credentials.expires if raw else max(credentials.expires, S3_SKEW)
    if moment - skew <= now <= moment + life:
        return
    if now < moment:
        limit = f"{_basic(now + skew)} ({_basic(now)} + {skew // 60} min.)"
        message = f"Signature not yet current: {stamp} is still later than {limit}"
    else:
        limit = f"{_basic(now - life)} ({_basic(now)} - {life // 60} min.)"
        message = f"Signature expired: {stamp} is now earlier than {limit}"
        if raw and query:
            members = {"X-Amz-Expires": str(life), "Expires": _long(moment + life), "ServerTime": _long(now)}
            raise SignatureProblem("expired", message, members=members, query=True)
    members = {"RequestTime": stamp, "ServerTime": _long(now), "MaxAllowedSkewMilliseconds": str(skew * 1000)}
    raise SignatureProblem("skewed", message, members=members, query=query)


def _basic(moment: float) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(moment))


def _long(moment: float) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(moment))


def _check_signed_headers(headers: Mapping[str, str], credentials: Credentials, raw: bool) -> None:
    signed = credentials.signed_headers
    if "host" not in signed and ":authority" not in signed:
        message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise SignatureProblem("not-signed", message, members={"HeadersNotSigned": "host"})
    if not raw:
        if "x-amz-target" in headers and "x-amz-target" not in signed:
            # It says which operation is called: whoever carries the request must not choose.
            message = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."
            raise SignatureProblem("not-signed", message, members={"HeadersNotSigned": "x-amz-target"})
        return
    loose = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if credentials.form == "query" and "x-amz-content-sha256" in loose:
        # Version 2 of the SDKs send it along with presigned uploads without having signed it.
        loose.remove("x-amz-content-sha256")
    if loose:
        raise SignatureProblem("not-signed", members={"HeadersNotSigned": ", ".join(sorted(loose))})


def declared_payload(request: Request) -> str:
    """x-amz-content-sha256 as declared, in the header or the query string; "" if it is not."""
    return request.headers.get("x-amz-content-sha256", "") or _declared_in_query(request.query)


def _declared_in_query(query: str) -> str:
    return query.partition("X-Amz-Content-Sha256=")[2].partition("&")[0] if "X-Amz-Content-Sha256=" in query else ""


def _payload(request: Request, credentials: Credentials, actual: str | None, raw: bool) -> str:
    declared = declared_payload(request)
    if raw:
        if credentials.form == "query" and "x-amz-content-sha256" not in credentials.signed_headers:
            # The header is the sender's word only where it is signed; the query string always is.
            declared = _declared_in_query(request.query) or UNSIGNED
        if not declared:
            raise SignatureProblem("content-missing")
        if declared not in LITERALS and not (len(declared) == 64 and _HEX.issuperset(declared)):
            raise SignatureProblem("content-invalid", members={"ArgumentName": "x-amz-content-sha256", "ArgumentValue": declared})
    if declared in LITERALS:
        return declared
    if actual is None:
        return declared or UNSIGNED
    if declared and declared != actual:
        members = {"ClientComputedContentSHA256": declared, "S3ComputedContentSHA256": actual}
        raise SignatureProblem("content-mismatch", members=members)
    return actual


def _mismatch(credentials: Credentials, canonical: str, to_sign: str) -> SignatureProblem:
    members = {
        "AWSAccessKeyId": credentials.access_key,
        "StringToSign": to_sign,
        "SignatureProvided": credentials.signature,
        "StringToSignBytes": to_sign.encode().hex(" "),
        "CanonicalRequest": canonical,
        "CanonicalRequestBytes": canonical.encode("latin-1", "replace").hex(" "),
    }
    return SignatureProblem("mismatch", members=members, query=credentials.form == "query")


def check_scope(credentials: Credentials, region: str, services: frozenset[str] | set[str] | tuple[str, ...]) -> None:
    """Raise SignatureProblem unless the scope names the Region and one of the signing names of the endpoint that was called.

    An empty `region` is a global endpoint that takes any.
    """
    if credentials.form.startswith("v2"):
        return
    query = credentials.form == "query"
    if credentials.service not in services:
        wanted = next(iter(services))
        raise SignatureProblem(
            "scope-service",
            f"Credential should be scoped to correct service: '{wanted}'.",
            s3=f'incorrect service "{credentials.service}". This endpoint belongs to "{wanted}".',
            query=query,
        )
    if region and credentials.region != region and credentials.algorithm != V4A:
        raise SignatureProblem(
            "scope-region",
            f"Credential should be scoped to a valid region, not '{credentials.region}'.",
            s3=f"the region '{credentials.region}' is wrong; expecting '{region}'",
            members={"Region": region},
            query=query,
        )


def check_region_set(request: Request, credentials: Credentials, region: str) -> None:
    """Raise SignatureProblem unless a Version 4A signature is good for the Region of the endpoint, by the Region set that it signs."""
    query = credentials.form == "query"
    found = request.headers.get("x-amz-region-set", "")
    if query and not found:
        found = unquote(request.query.partition("X-Amz-Region-Set=")[2].partition("&")[0])
    elif "x-amz-region-set" not in credentials.signed_headers:
        raise SignatureProblem("not-signed", members={"HeadersNotSigned": "x-amz-region-set"})
    patterns = [item.strip() for item in found.split(",") if item.strip()]
    if not patterns or (region and not any(fnmatchcase(region, pattern) for pattern in patterns)):
        raise SignatureProblem(
            "scope-region",
            f"Credential should be scoped to a valid region, not '{found}'.",
            s3=f"the region set '{found}' is wrong; expecting '{region}'",
            members={"Region": region},
            query=query,
        )


def verify_post(fields: Mapping[str, str], credentials: Credentials, secret: str, keys: SigningKeys | None = None) -> None:
    """Raise SignatureProblem unless `secret` signed the form's policy. When the policy expires is the policy's own affair."""
    policy = fields["policy"]
    if credentials.form == "v2-post":
        expected = base64.b64encode(hmac.digest(secret.encode(), policy.encode(), "sha1"))
        good = hmac.compare_digest(expected, credentials.signature.encode("utf-8", "replace"))
    else:
        make = keys.key if keys is not None else derive_key
        key = make(secret, credentials.date, credentials.region, credentials.service)
        good = hmac.compare_digest(hmac.digest(key, policy.encode(), "sha256"), _unhex(credentials.signature))
    if not good:
        members = {"AWSAccessKeyId": credentials.access_key, "StringToSign": policy, "SignatureProvided": credentials.signature}
        raise SignatureProblem("mismatch", members=members)


def _unhex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return b""
