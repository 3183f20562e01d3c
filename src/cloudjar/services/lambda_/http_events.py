"""HTTP as events and back: payload format 2.0, as function URLs (and HTTP APIs) speak it. Pure functions.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from cloudjar.kernel.principal import Principal

_TEXT = ("application/json", "application/javascript", "application/xml")
INTEGRATION_TYPE = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = b"\0" * 8


class Answer(Struct, frozen=True):
    """What a function wants to be answered."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    body: bytes = b""


class BadAnswer(Exception):
    """A function's answer that is none."""


def event(
    *,
    url_id: str,
    domain: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    source_ip: str,
    request_id: str,
    now: datetime,
    account: str,
    caller: Principal | None,
) -> dict[str, Any]:
    """The event of a request. `caller` is who signed it; None where nobody needs to."""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": source_ip, "userAgent": headers.get("user-agent", "")}
    context: dict[str, Any] = {
        "accountId": "anonymous" if caller is None else account,
        "apiId": url_id,
        "domainName": domain,
        "domainPrefix": url_id,
        "http": http,
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }
    if caller is not None:
        iam = {
            "accessKey": caller.access_key,
            "accountId": caller.account,
            "callerId": caller.user_id,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": caller.arn,
            "userId": caller.user_id,
        }
        context["authorizer"] = {"iam": iam}
    cookies = [each.strip() for each in headers.get("cookie", "").split(";") if each.strip()]
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name: value for name, value in headers.items() if name != "cookie"},
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if cookies:
        made["cookies"] = cookies
    if query:
        parameters: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
        made["queryStringParameters"] = parameters
    if body:
        text = _text(body, headers.get("content-type", ""))
        made["isBase64Encoded"] = text is None
        made["body"] = base64.b64encode(body).decode() if text is None else text
    return made


def _text(body: bytes, content_type: str) -> str | None:
    kind = content_type.partition(";")[0].strip().lower()
    if not kind.startswith("text/") and kind not in _TEXT:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def answer(payload: bytes) -> Answer:
    """What a function's payload means. Raises BadAnswer."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return Answer(200, {"content-type": "application/octet-stream"}, (), payload)
    if not isinstance(found, dict) or "statusCode" not in found:
        return Answer(200, {"content-type": "application/json"}, (), payload)
    status, headers, cookies = head(found)
    body = found.get("body")
    if body is None:
        data = b""
    elif not isinstance(body, str):
        data = json.dumps(body).encode()
    elif found.get("isBase64Encoded"):
        try:
            data = base64.b64decode(body)
        except ValueError:
            raise BadAnswer from None
    else:
        data = body.encode("utf-8", "replace")
    headers.setdefault("content-type", "application/json")
    return Answer(status, headers, cookies, data)


def head(found: dict[str, Any]) -> tuple[int, dict[str, str], tuple[str, ...]]:
    """Status, headers and cookies of an answer, or of a stream's prelude. Raises BadAnswer."""
    try:
        status = int(found.get("statusCode", 200))
    except (TypeError, ValueError):
        raise BadAnswer from None
    headers, cookies = found.get("headers") or {}, found.get("cookies") or []
    if not 100 <= status <= 999 or not isinstance(headers, dict) or not isinstance(cookies, list):
        raise BadAnswer
    flat = {str(name).lower(): value if isinstance(value, str) else json.dumps(value) for name, value in headers.items()}
    if any("\n" in value or "\r" in value for value in (*flat.values(), *map(str, cookies))):
        raise BadAnswer
    return status, flat, tuple(map(str, cookies))


def prelude(data: bytes) -> tuple[Answer, bytes] | None:
    """The head that a streamed answer begins with, and what follows; None while it is not whole. Raises BadAnswer."""
    first, end, rest = data.partition(PRELUDE_END)
    if not end:
        return None
    try:
        found = json.loads(first)
    except ValueError:
        raise BadAnswer from None
    if not isinstance(found, dict):
        raise BadAnswer
    return Answer(*head(found)), rest


def cors_headers(cors: dict[str, Any] | None, origin: str, *, preflight: bool = False) -> dict[str, str]:
    """What a URL's CORS settings add to an answer; nothing for an origin that they do not allow."""
    if cors is None or not origin or not any(_matches(allowed, origin) for allowed in cors.get("AllowOrigins") or ()):
        return {}
    any_origin = "*" in cors["AllowOrigins"] and not cors.get("AllowCredentials")
    found = {"access-control-allow-origin": "*" if any_origin else origin}
    if not any_origin:
        found["vary"] = "Origin"
    if cors.get("AllowCredentials"):
        found["access-control-allow-credentials"] = "true"
    lists = [("ExposeHeaders", "access-control-expose-headers")]
    if preflight:
        lists = [("AllowMethods", "access-control-allow-methods"), ("AllowHeaders", "access-control-allow-headers")]
        if cors.get("MaxAge"):
            found["access-control-max-age"] = str(cors["MaxAge"])
    for member, name in lists:
        if cors.get(member):
            found[name] = ",".join(cors[member])
    return found


def _matches(allowed: str, origin: str) -> bool:
    if allowed.endswith("*"):
        return origin.lower().startswith(allowed[:-1].lower())
    return allowed.lower() == origin.lower()
