"""Function URLs: their configuration. gateway/function_urls.py answers requests to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import errors, tenancy
from cloudjar.services.lambda_.aliases import find_alias
from cloudjar.services.lambda_.functions import find_function
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@record("lambda.function_url", key=("function", "qualifier"))
class FunctionUrl(Record):
    """The URL of a function, or of one of its aliases."""

    function: str
    qualifier: str
    id: str
    created: datetime
    modified: datetime
    auth: str
    cors: dict[str, Any] | None = None
    mode: str = "BUFFERED"


@record("lambda.function_url_id", key="id", scope="world")
class UrlId(Record):
    """Where a URL's id leads."""

    id: str
    account: str
    region: str
    function: str
    qualifier: str


def find_url(ctx: Context, id: str) -> tuple[Context, FunctionUrl] | None:
    """The URL with this id, in the context of its account and Region."""
    place = ctx.get(UrlId, id)
    if place is None:
        return None
    there = ctx.at(account=place.account, region=place.region)
    url = there.get(FunctionUrl, place.function, place.qualifier)
    return (there, url) if url is not None else None


def _address(ctx: Context, url: FunctionUrl) -> str:
    # The port is the request's, the name one that every machine resolves to itself.
    asked = urlsplit(ctx.call_info.url or "http://localhost:4566")
    suffix = "localhost.localstack.cloud" if (asked.hostname or "").endswith("localhost.localstack.cloud") else "localhost"
    port = f":{asked.port}" if asked.port else ""
    return f"{asked.scheme}://{url.id}.lambda-url.{ctx.region}.{suffix}{port}/"


def _to_wire(ctx: Context, url: FunctionUrl, *, fresh: bool = False) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "FunctionUrl": _address(ctx, url),
        "FunctionArn": function_arn(ctx, url.function, url.qualifier),
        "AuthType": url.auth,
        "CreationTime": _time(url.created),
        "InvokeMode": url.mode,
    }
    if not fresh:
        wire["LastModifiedTime"] = _time(url.modified)
    if url.cors is not None:
        wire["Cors"] = url.cors
    return wire


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def _find(ctx: Context, function: str, qualifier: str) -> FunctionUrl:
    found = ctx.get(FunctionUrl, function, qualifier)
    if found is None:
        raise errors.no_policy()
    return found


@operation(on=on_function)
def create_function_url_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    find_function(ctx, who.name)
    tenancy.refuse(ctx, who.name, "A function URL")
    if who.qualifier:
        find_alias(ctx, who.name, who.qualifier)
    if ctx.get(FunctionUrl, who.name, who.qualifier) is not None:
        raise errors.url_exists(function_arn(ctx, who.name, who.qualifier))
    id = "".join(_ID_LETTERS[byte % 32] for byte in ctx.ids.data(32))
    url = FunctionUrl(who.name, who.qualifier, id, ctx.now, ctx.now, req["AuthType"], req.get("Cors"), req.get("InvokeMode") or "BUFFERED")
    ctx.put(url)
    ctx.put(UrlId(id, ctx.account, ctx.region, who.name, who.qualifier))
    return _to_wire(ctx, url, fresh=True)


@operation(on=on_function)
def get_function_url_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    return _to_wire(ctx, _find(ctx, who.name, who.qualifier))


@operation(on=on_function)
def update_function_url_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    url = _find(ctx, who.name, who.qualifier)
    changes: dict[str, Any] = {}
    for member, field in (("AuthType", "auth"), ("InvokeMode", "mode")):
        if req.get(member):
            changes[field] = req[member]
    if req.get("Cors") is not None:
        changes["cors"] = req["Cors"] or None
    return _to_wire(ctx, ctx.put(replace(url, **changes, modified=ctx.now)))


@operation(on=on_function)
def delete_function_url_config(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    remove(ctx, _find(ctx, who.name, who.qualifier))


@operation(on=on_function)
def list_function_url_configs(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    find_function(ctx, who.name)
    return ctx.page(req, ctx.where(FunctionUrl, function=who.name), lambda u: _to_wire(ctx, u), default=50, maximum=50)


def remove(ctx: Context, url: FunctionUrl) -> None:
    """Ends a URL; its id is never given again."""
    ctx.delete(url)
    place = ctx.get(UrlId, url.id)
    if place is not None:
        ctx.delete(place)
