"""API destinations: HTTP endpoints as targets."""

from __future__ import annotations

import base64
import http.client
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation, target
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import connection_secrets, errors, lists
from cloudjar.services.events.connection_secrets import MEMBERS
from cloudjar.services.events.connections import Connection, connection_arn

if TYPE_CHECKING:
    from cloudjar.kernel.world import World

MOST_TOKENS = 1000
TIMEOUT_SECONDS = 5
"""How long EventBridge waits for an endpoint."""


@record("events.api_destination", key="name")
class ApiDestination(Record):
    """An endpoint."""

    name: str
    uid: str
    connection: str
    endpoint: str
    method: str
    created: datetime
    modified: datetime
    rate: int = 300
    description: str | None = None


def destination_arn(ctx: Context, destination: ApiDestination) -> str:
    """An API destination's ARN."""
    return ctx.arn("events", f"api-destination/{destination.name}/{destination.uid}")


def on_api_destination(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    found = ctx.get(ApiDestination, req["Name"])
    return destination_arn(ctx, found) if found else ctx.arn("events", f"api-destination/{req['Name']}/*")


def _find(ctx: Context, name: str) -> ApiDestination:
    found = ctx.get(ApiDestination, name)
    if found is None:
        raise errors.destination_not_found(name)
    return found


def _connection(ctx: Context, arn: str) -> Connection:
    parts = arn.split("/")
    found = ctx.get(Connection, parts[1]) if len(parts) == 3 else None
    if found is None or connection_arn(ctx, found) != arn:
        raise errors.connection_not_found(parts[1] if len(parts) > 1 else arn)
    return found


@operation(on=on_api_destination)
def create_api_destination(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    connection = _connection(ctx, req["ConnectionArn"])
    _check_endpoint(req["InvocationEndpoint"])
    if ctx.get(ApiDestination, req["Name"]):
        raise errors.destination_exists(req["Name"])
    destination = ApiDestination(
        req["Name"],
        ctx.ids.uuid(),
        connection.name,
        req["InvocationEndpoint"],
        req["HttpMethod"],
        ctx.now,
        ctx.now,
        req.get("InvocationRateLimitPerSecond") or 300,
        req.get("Description"),
    )
    return _state(ctx, ctx.put(destination))


@operation(on=on_api_destination)
def update_api_destination(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    destination = _find(ctx, req["Name"])
    changes: dict[str, Any] = {"modified": ctx.now}
    if "ConnectionArn" in req:
        changes["connection"] = _connection(ctx, req["ConnectionArn"]).name
    if "InvocationEndpoint" in req:
        _check_endpoint(req["InvocationEndpoint"])
        changes["endpoint"] = req["InvocationEndpoint"]
    fields = {"HttpMethod": "method", "InvocationRateLimitPerSecond": "rate", "Description": "description"}
    changes |= {field: req[member] for member, field in fields.items() if member in req}
    return _state(ctx, ctx.put(replace(destination, **changes)))


def _check_endpoint(url: str) -> None:
    # AWS takes https alone; http is for what runs on this machine.
    try:
        parts = urlsplit(url.replace("*", "x"))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise errors.bad_parameter("InvocationEndpoint", "The endpoint must be an HTTPS URL.")


@operation(on=on_api_destination)
def delete_api_destination(ctx: Context, req: dict[str, Any]) -> None:
    ctx.delete(_find(ctx, req["Name"]))


@operation(on=on_api_destination)
def describe_api_destination(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    destination = _find(ctx, req["Name"])
    wire = destination_to_wire(ctx, destination)
    return wire | ({"Description": destination.description} if destination.description else {})


@operation()
def list_api_destinations(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = lists.named(ctx.where(ApiDestination), req.get("NamePrefix"))
    if arn := req.get("ConnectionArn"):
        rows = rows.filtered(lambda destination: _connection_arn(ctx, destination) == arn)
    return lists.page(req, "ApiDestinations", rows, lambda destination: destination_to_wire(ctx, destination))


def _connection_arn(ctx: Context, destination: ApiDestination) -> str:
    connection = ctx.get(Connection, destination.connection)
    return connection_arn(ctx, connection) if connection else ctx.arn("events", f"connection/{destination.connection}/deleted")


def _state(ctx: Context, destination: ApiDestination) -> dict[str, Any]:
    connection = ctx.get(Connection, destination.connection)
    return {
        "ApiDestinationArn": destination_arn(ctx, destination),
        "ApiDestinationState": "ACTIVE" if connection and not connection.deauthorized else "INACTIVE",
        "CreationTime": destination.created,
        "LastModifiedTime": destination.modified,
    }


def destination_to_wire(ctx: Context, destination: ApiDestination) -> dict[str, Any]:
    return _state(ctx, destination) | {
        "Name": destination.name,
        "ConnectionArn": _connection_arn(ctx, destination),
        "InvocationEndpoint": destination.endpoint,
        "HttpMethod": destination.method,
        "InvocationRateLimitPerSecond": destination.rate,
    }


# Calls


@target
async def invoke(ctx: Context, arn: str, payload: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Calls a destination's endpoint, and gives its answer; raises AwsError unless it answers 2xx."""
    name = arn.split("/")[1]
    with ctx.transaction():
        if not ctx.world.host.allowed(ctx, "events:InvokeApiDestination", arn):
            message = f"{ctx.principal.arn} is not authorized to perform: events:InvokeApiDestination on resource: {arn}"
            raise AwsError("AccessDeniedException", message)
        destination = _find(ctx, name)
        connection = ctx.get(Connection, destination.connection)
        if connection is None or connection.deauthorized:
            raise errors.connection_not_found(destination.connection)
        if connection.secret:
            connection = replace(connection, parameters=connection_secrets.read_for_delivery(ctx, connection.secret, connection.kind))
    given = settings.get("HttpParameters") or {}
    tokens = ctx.world.part(Tokens)
    status, body, token = await ctx.offload(_request, destination, connection, payload, given, tokens.of(connection))
    # A new one is asked for after these answers, as on AWS; and they are tried again.
    tokens.keep(connection, "" if status in (401, 407) else token)
    if not 200 <= status < 300:
        # 401, 407, 409, 429 and 5xx are tried again; other answers of 4xx are not.
        code = "EndpointFailure" if status in (401, 407, 409, 429) or status >= 500 else "EndpointValidationFailure"
        raise AwsError(code, f"The endpoint answered {status}.")
    return {"StatusCode": status, "Body": body.decode("utf-8", "replace")}


class Tokens:
    """The tokens of a world's OAuth connections."""

    def __init__(self, world: World) -> None:
        self._tokens: dict[str, tuple[datetime, str]] = {}

    def of(self, connection: Connection) -> str:
        """A connection's token, or ""."""
        since, token = self._tokens.get(connection.uid, (connection.modified, ""))
        return token if since == connection.modified else ""

    def keep(self, connection: Connection, token: str) -> None:
        """Remembers a connection's token; "" forgets it."""
        self._tokens.pop(connection.uid, None)
        if token:
            self._tokens[connection.uid] = (connection.modified, token)
            while len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]


def _request(
    destination: ApiDestination, connection: Connection, payload: str, given: dict[str, Any], token: str
) -> tuple[int, bytes, str]:
    """The endpoint's status and answer, and the token that was used."""
    url = destination.endpoint
    for value in given.get("PathParameterValues") or ():
        url = url.replace("*", quote(value, safe=""), 1)
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Amazon/EventBridge/ApiDestinations"}
    headers |= given.get("HeaderParameters") or {}
    query = dict(given.get("QueryStringParameters") or {})
    body: Any = payload
    extra = connection.parameters.get("InvocationHttpParameters") or {}
    headers |= _pairs(extra, "HeaderParameters")
    query |= _pairs(extra, "QueryStringParameters")
    if fields := _pairs(extra, "BodyParameters"):
        decoded = json.loads(payload)
        body = json.dumps({**decoded, **fields}) if isinstance(decoded, dict) else payload
    if connection.kind == "OAUTH_CLIENT_CREDENTIALS":
        token = token or _new_token(connection)
        headers["Authorization"] = f"Bearer {token}"
    else:
        headers |= _authorization(connection)
    return *_exchange(destination.method, url, query, headers, body), token


def _authorization(connection: Connection) -> dict[str, str]:
    given = connection.parameters[MEMBERS[connection.kind]]
    if connection.kind == "BASIC":
        token = base64.b64encode(f"{given['Username']}:{given['Password']}".encode()).decode()
        return {"Authorization": f"Basic {token}"}
    return {given["ApiKeyName"]: given["ApiKeyValue"]}


def _new_token(connection: Connection) -> str:
    given = connection.parameters[MEMBERS[connection.kind]]
    client, extra = given["ClientParameters"], given.get("OAuthHttpParameters") or {}
    form = {"grant_type": "client_credentials", "client_id": client["ClientID"], "client_secret": client["ClientSecret"]}
    form |= _pairs(extra, "BodyParameters")
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | _pairs(extra, "HeaderParameters")
    query = _pairs(extra, "QueryStringParameters")
    status, answer = _exchange(given["HttpMethod"], given["AuthorizationEndpoint"], query, headers, urlencode(form))
    try:
        return str(json.loads(answer)["access_token"])
    except (ValueError, KeyError, TypeError):
        raise AwsError("EndpointFailure", f"The authorization endpoint answered {status} without a token.") from None


def _pairs(parameters: dict[str, Any], member: str) -> dict[str, str]:
    return {item["Key"]: item.get("Value", "") for item in parameters.get(member) or ()}


def _exchange(method: str, url: str, query: dict[str, str], headers: dict[str, str], body: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + ("?" + "&".join(filter(None, (parts.query, urlencode(query)))) if parts.query or query else "")
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, target, None if method in ("GET", "HEAD") else body.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(65_536)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise AwsError("EndpointFailure", f"The endpoint could not be reached: {problem}") from None
