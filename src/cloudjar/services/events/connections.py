"""Connections: how API destinations are authorized at their endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.events import connection_secrets, errors, lists
from cloudjar.services.events.connection_secrets import MEMBERS

_SECRETS = frozenset(("Password", "ApiKeyValue", "ClientSecret"))
_LISTS = ("HeaderParameters", "QueryStringParameters", "BodyParameters")


@record("events.connection", key="name")
class Connection(Record):
    """A connection; `parameters` are its AuthParameters without their secrets (with them, if there is no secret in Secrets Manager)."""

    name: str
    uid: str
    kind: str
    parameters: dict[str, Any]
    created: datetime
    modified: datetime
    description: str | None = None
    deauthorized: bool = False
    secret: str = ""
    """The ARN of the secret that has all parameters."""


def connection_arn(ctx: Context, connection: Connection) -> str:
    """A connection's ARN."""
    return ctx.arn("events", f"connection/{connection.name}/{connection.uid}")


def on_connection(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    found = ctx.get(Connection, req["Name"])
    return connection_arn(ctx, found) if found else ctx.arn("events", f"connection/{req['Name']}/*")


def find_connection(ctx: Context, name: str) -> Connection:
    """The connection, or ResourceNotFoundException."""
    found = ctx.get(Connection, name)
    if found is None:
        raise errors.connection_not_found(name)
    return found


@operation(on=on_connection)
def create_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name, kind, parameters = req["Name"], req["AuthorizationType"], req["AuthParameters"]
    _check("CreateConnection", req, kind, parameters)
    if ctx.get(Connection, name):
        raise errors.connection_exists(name)
    secret = connection_secrets.create(ctx, name, kind, parameters)
    connection = Connection(name, ctx.ids.uuid(), kind, _public(parameters), ctx.now, ctx.now, req.get("Description"), secret=secret)
    ctx.put(connection)
    return _state(ctx, connection)


@operation(on=on_connection)
def update_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    connection = find_connection(ctx, req["Name"])
    kind = req.get("AuthorizationType") or connection.kind
    given = req.get("AuthParameters") or {}
    kept: dict[str, Any] = {}
    if kind == connection.kind:
        kept = connection_secrets.read(ctx, connection.secret, kind) if connection.secret else connection.parameters
    parameters = _merged(kept, given)
    _check("UpdateConnection", req, kind, parameters)
    secret = connection.secret
    if secret:
        connection_secrets.update(ctx, secret, kind, parameters)
    else:
        secret = connection_secrets.create(ctx, connection.name, kind, parameters)
    changes: dict[str, Any] = {
        "kind": kind,
        "parameters": _public(parameters),
        "modified": ctx.now,
        "deauthorized": False,
        "secret": secret,
    }
    if "Description" in req:
        changes["description"] = req["Description"]
    connection = ctx.put(replace(connection, **changes))
    return _state(ctx, connection) | _authorized(connection)


def _merged(kept: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    out = dict(kept)
    for name, value in given.items():
        out[name] = _merged(kept[name], value) if isinstance(value, dict) and isinstance(kept.get(name), dict) else value
    return out


def _check(operation_name: str, req: dict[str, Any], kind: str, parameters: dict[str, Any]) -> None:
    if req.get("KmsKeyIdentifier") or req.get("InvocationConnectivityParameters") or parameters.get("ConnectivityParameters"):
        raise not_implemented("events", operation_name, "private connectivity and customer keys")
    if MEMBERS[kind] not in parameters:
        raise errors.invalid(f"AuthParameters does not match AuthorizationType {kind}: {MEMBERS[kind]} is required.")


@operation(on=on_connection)
def delete_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    connection = find_connection(ctx, req["Name"])
    _delete_secret(ctx, connection)
    ctx.delete(connection)
    return _state(ctx, connection) | _authorized(connection) | {"ConnectionState": "DELETING"}


@operation(on=on_connection)
def deauthorize_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    connection = find_connection(ctx, req["Name"])
    _delete_secret(ctx, connection)
    emptied = replace(connection, parameters=_public(connection.parameters), deauthorized=True, modified=ctx.now, secret="")
    return _state(ctx, ctx.put(emptied)) | _authorized(connection) | {"ConnectionState": "DEAUTHORIZING"}


def _delete_secret(ctx: Context, connection: Connection) -> None:
    if connection.secret:
        connection_secrets.delete(ctx, connection.secret)


@operation(on=on_connection)
def describe_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    connection = find_connection(ctx, req["Name"])
    wire = connection_to_wire(ctx, connection) | {"AuthParameters": _public(connection.parameters)}
    if connection.secret:
        wire["SecretArn"] = connection.secret
    if connection.description:
        wire["Description"] = connection.description
    return wire


def _public(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters without their secrets."""
    out: dict[str, Any] = {}
    for name, value in parameters.items():
        if name in _SECRETS:
            continue
        if name in _LISTS:
            out[name] = [{k: v for k, v in item.items() if k != "Value" or not item.get("IsValueSecret")} for item in value]
        else:
            out[name] = _public(value) if isinstance(value, dict) else value
    return out


@operation()
def list_connections(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = lists.named(ctx.where(Connection), req.get("NamePrefix"))
    if state := req.get("ConnectionState"):
        rows = rows.filtered(lambda connection: _state_of(connection) == state)
    return lists.page(req, "Connections", rows, lambda connection: connection_to_wire(ctx, connection))


def _state_of(connection: Connection) -> str:
    return "DEAUTHORIZED" if connection.deauthorized else "AUTHORIZED"


def _state(ctx: Context, connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": connection_arn(ctx, connection),
        "ConnectionState": _state_of(connection),
        "CreationTime": connection.created,
        "LastModifiedTime": connection.modified,
    }


def _authorized(connection: Connection) -> dict[str, Any]:
    return {"LastAuthorizedTime": connection.modified}


def connection_to_wire(ctx: Context, connection: Connection) -> dict[str, Any]:
    return _state(ctx, connection) | _authorized(connection) | {"Name": connection.name, "AuthorizationType": connection.kind}
