"""Who a request says that it is from: parsing only, no cryptography."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, unquote_plus

import msgspec

from cloudjar.identity.sigv4.problems import SignatureProblem
from cloudjar.wire.http import Request

Form = Literal["header", "query", "post", "v2-header", "v2-query", "v2-post"]

V4 = "AWS4-HMAC-SHA256"
V4A = "AWS4-ECDSA-P256-SHA256"
WEEK = 604_800


class Credentials(msgspec.Struct, frozen=True):
    """What a request claims: an access key, a scope and a signature over the rest."""

    form: Form
    access_key: str
    signature: str
    token: str = ""
    """The session token; "" for lasting credentials."""
    date: str = ""
    """YYYYMMDD of the scope; "" in Version 2, which has no scope."""
    region: str = ""
    service: str = ""
    """The signing name, "execute-api"."""
    timestamp: str = ""
    """X-Amz-Date as sent, or a Date header."""
    signed_headers: tuple[str, ...] = ()
    expires: int = 0
    """Seconds after `timestamp` (Version 4), epoch seconds (Version 2); 0 outside presigned URLs."""
    algorithm: str = V4

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def parse_credentials(request: Request) -> Credentials | None:
    """The credentials in a request's headers or query string; None for an anonymous one.

    Raises SignatureProblem where there are some but they do not parse.
    """
    authorization = request.headers.get("authorization")
    query = request.query
    presigned = "X-Amz-" in query and ("X-Amz-Signature=" in query or "X-Amz-Credential=" in query or "X-Amz-Algorithm=" in query)
    presigned_v2 = not presigned and "Signature=" in query and "AWSAccessKeyId=" in query
    if authorization is None:
        if presigned:
            return _from_query(query)
        return _from_query_v2(query) if presigned_v2 else None
    if authorization.startswith("AWS4-"):
        found = _from_header(authorization, request.headers)
    elif authorization.startswith("AWS "):
        found = _from_header_v2(authorization, request.headers)
    else:
        # Bearer, Basic and the like belong to services (CodeCatalyst, API Gateway authorizers), not to IAM.
        if presigned or presigned_v2:
            raise SignatureProblem("two-mechanisms")
        if authorization.startswith(("Bearer ", "Basic ")):
            return None
        raise SignatureProblem("algorithm", f"Unsupported AWS 'algorithm': '{authorization.partition(' ')[0]}'.")
    if presigned or presigned_v2:
        raise SignatureProblem("two-mechanisms")
    return found


def _from_header(authorization: str, headers: Mapping[str, str]) -> Credentials:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm not in (V4, V4A):
        raise SignatureProblem("algorithm", f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts: dict[str, str] = {}
    for item in rest.split(","):
        name, equals, value = item.strip().partition("=")
        # A second header, joined to the first by its comma, shows as a part of another name.
        if not equals or name in parts or name not in ("Credential", "SignedHeaders", "Signature"):
            raise SignatureProblem(
                "incomplete", f"'{name}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'."
            )
        parts[name] = value
    timestamp = headers.get("x-amz-date") or headers.get("date", "")
    missing = [
        f"Authorization header requires '{name}' parameter." for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)
    ]
    if not timestamp:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise SignatureProblem("incomplete", f"{' '.join(missing)} Authorization={algorithm}")
    token = headers.get("x-amz-security-token", "")
    return _v4("header", algorithm, parts["Credential"], parts["SignedHeaders"], parts["Signature"], timestamp, token)


def _v4(
    form: Form, algorithm: str, credential: str, signed: str, signature: str, timestamp: str, token: str, expires: int = 0
) -> Credentials:
    # Access keys hold no "/", but a hand-made one of a test may: the scope is the last four parts.
    parts = credential.rsplit("/", 3 if algorithm == V4A else 4)
    if algorithm == V4A and len(parts) == 4:
        parts.insert(2, "*")
    if len(parts) != 5 or not all(parts):
        raise SignatureProblem(
            "incomplete",
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'",
            s3='the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
            query=form == "query",
        )
    access_key, date, region, service, terminator = parts
    if terminator != "aws4_request":
        raise SignatureProblem(
            "scope-terminator",
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'.",
            s3=f'incorrect terminal "{terminator}". This endpoint uses "aws4_request".',
            query=form == "query",
        )
    return Credentials(form, access_key, signature, token, date, region, service, timestamp, tuple(signed.split(";")), expires, algorithm)


def _from_query(query: str) -> Credentials:
    found: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if name.startswith("X-Amz-"):
            if name in found:
                raise _bad_query(f"The {name} parameter is given more than once")
            found[name] = unquote(value)
    algorithm = found.get("X-Amz-Algorithm", "")
    if algorithm and algorithm not in (V4, V4A):
        raise SignatureProblem(
            "query-parameters",
            f"Unsupported AWS 'algorithm': '{algorithm}'.",
            s3='X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
            query=True,
        )
    missing = [
        n for n in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date") if not found.get(n)
    ]
    if missing:
        raise SignatureProblem(
            "query-parameters",
            " ".join(f"AWS query-string parameters must include '{name}'." for name in missing),
            s3="Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date,"
            " X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            query=True,
        )
    expires = _expires(found.get("X-Amz-Expires"))
    token = found.get("X-Amz-Security-Token", "")
    signed, signature, date = found["X-Amz-SignedHeaders"], found["X-Amz-Signature"], found["X-Amz-Date"]
    return _v4("query", algorithm, found["X-Amz-Credential"], signed, signature, date, token, expires)


def _bad_query(message: str) -> SignatureProblem:
    return SignatureProblem("query-parameters", message, s3=message, query=True)


def _expires(text: str | None) -> int:
    # Only S3 insists on X-Amz-Expires; it is told apart in `verify`, by 0.
    if text is None:
        return 0
    if not text.lstrip("-").isdecimal() or len(text) > 10:
        raise _bad_query("X-Amz-Expires should be a number")
    seconds = int(text)
    if seconds < 0:
        raise _bad_query("X-Amz-Expires must be non-negative")
    if seconds > WEEK:
        raise _bad_query(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
        )
    return seconds


def _from_header_v2(authorization: str, headers: Mapping[str, str]) -> Credentials:
    access_key, colon, signature = authorization[4:].strip().partition(":")
    if not (access_key and colon and signature):
        raise SignatureProblem("incomplete", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
    timestamp = headers.get("x-amz-date") or headers.get("date", "")
    token = headers.get("x-amz-security-token", "")
    return Credentials("v2-header", access_key, signature, token, service="s3", timestamp=timestamp, algorithm="HmacSHA1")


def _from_query_v2(query: str) -> Credentials:
    found: dict[str, str] = {}
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if name in ("AWSAccessKeyId", "Signature", "Expires", "x-amz-security-token", "SignatureVersion"):
            if name in found:
                raise _bad_query(f"The {name} parameter is given more than once")
            found[name] = unquote_plus(value)
    if "SignatureVersion" in found:
        raise SignatureProblem("algorithm", f"Signature version {found['SignatureVersion']} is not supported; use version 4.")
    expires = found.get("Expires", "")
    if not (expires.isdecimal() and len(expires) <= 12):
        raise SignatureProblem(
            "expired",
            s3="Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            if not expires
            else f"Invalid date (should be seconds since epoch): {expires}",
        )
    token = found.get("x-amz-security-token", "")
    access_key, signature = found.get("AWSAccessKeyId", ""), found.get("Signature", "")
    return Credentials("v2-query", access_key, signature, token, service="s3", expires=int(expires), algorithm="HmacSHA1")


def parse_post(fields: Mapping[str, str]) -> Credentials | None:
    """The credentials in the fields of a browser's POST to S3 (names in lower case); None if it has no policy to sign.

    Source: "Authenticating Requests in Browser-Based Uploads Using POST".
    """
    if "policy" not in fields:
        return None
    token = fields.get("x-amz-security-token", "")
    if "x-amz-signature" in fields or "x-amz-credential" in fields or "x-amz-algorithm" in fields:
        algorithm = fields.get("x-amz-algorithm", "")
        if algorithm != V4:
            raise SignatureProblem("algorithm", s3='x-amz-algorithm only supports "AWS4-HMAC-SHA256"')
        for name in ("x-amz-credential", "x-amz-signature", "x-amz-date"):
            if not fields.get(name):
                raise SignatureProblem("query-parameters", s3=f"Bucket POST must contain a field named '{name}'.", query=True)
        return _v4("post", V4, fields["x-amz-credential"], "", fields["x-amz-signature"], fields["x-amz-date"], token)
    if fields.get("awsaccesskeyid") and fields.get("signature"):
        return Credentials("v2-post", fields["awsaccesskeyid"], fields["signature"], token, service="s3", algorithm="HmacSHA1")
    return None
