"""Layers: packages that functions share, shown to them under /opt."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import code, errors
from cloudjar.services.lambda_.functions import Code, Version, aws_time, check_revision, code_location
from cloudjar.services.lambda_.names import version_number
from cloudjar.services.lambda_.policies import principal_element
from cloudjar.services.lambda_.runtimes import RUNTIMES

_MOST = 5
_NEVER = 2**53
"""A version number that no layer reaches."""
_ARN = re.compile(r"arn:[a-zA-Z-]+:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::(\d+))?")


@record("lambda.layer", key="name")
class Layer(Record):
    """A layer's name, and how many versions it has had."""

    name: str
    last_version: int


@record("lambda.layer_version", key=("name", "number"), blobs=lambda v: [v.code.blob.id] if v.code.blob.id else [])
class LayerVersion(Record):
    """One version of a layer. It never changes."""

    name: str
    number: int
    code: Code
    created: datetime
    description: str = ""
    license: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    statements: dict[str, dict[str, Any]] = {}
    policy_revision: str = ""
    deleted: bool = False
    """Gone for everybody but the functions that have it."""


def layer_arn(ctx: Context, name: str, number: int = 0) -> str:
    """A layer's ARN, or that of one of its versions."""
    return ctx.arn("lambda", f"layer:{name}:{number}" if number else f"layer:{name}")


def layer_reference(ctx: Context, arn: str) -> dict[str, Any]:
    """How a function's configuration names a layer; its size stays known after the layer is deleted."""
    found = _by_arn(ctx, arn)
    return {"Arn": arn, "CodeSize": found.code.size if found else 0}


def layer_code(ctx: Context, arn: str) -> Code:
    """The package of a layer version."""
    found = _by_arn(ctx, arn)
    if found is None:
        raise errors.layer_not_found(arn)
    return found.code


def check_layers(ctx: Context, arns: list[str]) -> tuple[str, ...]:
    """The layers of a function, if they are there, few enough and not twice the same."""
    if len(arns) > _MOST:
        raise errors.invalid(f"Cannot reference more than {_MOST} layers.")
    seen = set()
    for arn in arns:
        match = _ARN.fullmatch(arn)
        if match is None or match[4] is None:
            raise errors.invalid(f"Layer version ARN {arn} is not valid.")
        if match[1] != ctx.region:
            raise errors.invalid(f"Layers are not in the same region as the function. Layers are expected to be in region {ctx.region}.")
        if match[3] + match[2] in seen:
            raise errors.invalid(f"Two different versions of the same layer are not allowed to be referenced in the same function. {arn}")
        seen.add(match[3] + match[2])
        found = _by_arn(ctx, arn)
        if found is None or found.deleted:
            raise errors.invalid(f"Layer version {arn} does not exist.")
    return tuple(arns)


def _by_arn(ctx: Context, arn: str) -> LayerVersion | None:
    match = _ARN.fullmatch(arn)
    number = version_number(match[4] or "") if match else None
    if match is None or number is None:
        return None
    return ctx.at(account=match[2], region=match[1]).get(LayerVersion, match[3], number)


def _place(ctx: Context, name: str) -> tuple[Context, str]:
    """The account of a layer that is given by name or ARN, and its bare name."""
    match = _ARN.fullmatch(name)
    if match is None:
        return ctx, name
    return ctx.at(account=match[2], region=match[1]), match[3]


def on_layer(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that IAM is asked about."""
    ctx, name = _place(ctx, req["LayerName"])
    return layer_arn(ctx, name, req.get("VersionNumber") or 0)


def _to_wire(ctx: Context, version: LayerVersion) -> dict[str, Any]:
    return {
        "LayerVersionArn": layer_arn(ctx, version.name, version.number),
        "Version": version.number,
        "Description": version.description,
        "CreatedDate": aws_time(version.created),
        "CompatibleRuntimes": list(version.runtimes),
        "CompatibleArchitectures": list(version.architectures),
        "LicenseInfo": version.license or None,
    }


def _with_content(ctx: Context, version: LayerVersion) -> dict[str, Any]:
    return _to_wire(ctx, version) | {
        "LayerArn": layer_arn(ctx, version.name),
        "Content": {
            "Location": code_location(ctx, "layer", version.name, version.number),
            "CodeSha256": version.code.sha256,
            "CodeSize": version.code.size,
        },
    }


def _find(ctx: Context, name: str, number: int) -> LayerVersion:
    if number < 1:
        raise errors.invalid("Layer Version Cannot be less than 1.")
    found = ctx.get(LayerVersion, name, number) if number < _NEVER else None
    if found is None or found.deleted:
        raise errors.layer_not_found(layer_arn(ctx, name, number))
    return found


def _runtimes(req: dict[str, Any]) -> tuple[str, ...]:
    """Raises ValidationException for runtimes that AWS never had."""
    given = req.get("CompatibleRuntimes") or []
    if any(name not in RUNTIMES for name in given):
        constraint = f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(reversed(RUNTIMES))}]]"
        raise errors.validation(f"[{', '.join(given)}]", "compatibleRuntimes", constraint)
    return tuple(given)


@operation(on=on_layer)
async def publish_layer_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = _place(ctx, req["LayerName"])
    runtimes = _runtimes(req)
    package = await code.fetch(ctx, req["Content"], "PublishLayerVersion", name)
    with ctx.transaction():
        layer = ctx.get(Layer, name)
        number = (layer.last_version if layer else 0) + 1
        ctx.put(Layer(name, number))
        version = ctx.put(
            LayerVersion(
                name,
                number,
                package,
                ctx.now,
                req.get("Description") or "",
                req.get("LicenseInfo") or "",
                runtimes,
                tuple(req.get("CompatibleArchitectures") or ()),
            )
        )
        return _with_content(ctx, version)


@operation(on=on_layer)
def get_layer_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = _place(ctx, req["LayerName"])
    return _with_content(ctx, _find(ctx, name, req["VersionNumber"]))


@operation(on=lambda ctx, req: req["Arn"])
def get_layer_version_by_arn(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found = _by_arn(ctx, req["Arn"])
    if found is None or found.deleted:
        raise errors.layer_not_found(req["Arn"])
    ctx, _ = _place(ctx, req["Arn"])
    return _with_content(ctx, found)


@operation(on=on_layer)
def list_layer_versions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = _place(ctx, req["LayerName"])
    rows = ctx.where(LayerVersion, name=name).backwards().filtered(lambda v: _fits(v, req))
    return ctx.page(req, rows, lambda v: _to_wire(ctx, v), default=50, maximum=50)


@operation()
def list_layers(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    def latest(layer: Layer) -> LayerVersion | None:
        return ctx.where(LayerVersion, name=layer.name).backwards().filtered(lambda v: _fits(v, req)).first()

    def to_wire(layer: Layer) -> dict[str, Any]:
        version = latest(layer)
        assert version is not None
        return {"LayerName": layer.name, "LayerArn": layer_arn(ctx, layer.name), "LatestMatchingVersion": _to_wire(ctx, version)}

    return ctx.page(req, ctx.where(Layer).filtered(lambda l: latest(l) is not None), to_wire, default=50, maximum=50)


def _fits(version: LayerVersion, req: dict[str, Any]) -> bool:
    runtime, architecture = req.get("CompatibleRuntime"), req.get("CompatibleArchitecture")
    if version.deleted or (runtime and runtime not in version.runtimes):
        return False
    return not architecture or architecture in version.architectures


@operation(on=on_layer)
def delete_layer_version(ctx: Context, req: dict[str, Any]) -> None:
    ctx, name = _place(ctx, req["LayerName"])
    if req["VersionNumber"] < 1:
        raise errors.invalid("Layer Version Cannot be less than 1.")
    found = ctx.get(LayerVersion, name, req["VersionNumber"]) if req["VersionNumber"] < _NEVER else None
    if found is None:
        return
    arn = layer_arn(ctx, name, found.number)
    if ctx.where(Version).filtered(lambda v: arn in v.layers).first():
        ctx.put(replace(found, deleted=True))
    else:
        ctx.delete(found)


@operation(on=on_layer)
def add_layer_version_permission(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = _place(ctx, req["LayerName"])
    version = _find(ctx, name, req["VersionNumber"])
    check_revision(req.get("RevisionId"), version.policy_revision, "GetLayerVersionPolicy")
    if req["StatementId"] in version.statements:
        raise errors.statement_exists(req["StatementId"])
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": principal_element(req["Principal"], ctx.partition),
        "Action": req["Action"],
        "Resource": layer_arn(ctx, name, version.number),
    }
    if req.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": req["OrganizationId"]}}
    statements = {**version.statements, req["StatementId"]: statement}
    version = ctx.put(replace(version, statements=statements, policy_revision=ctx.ids.uuid()))
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": version.policy_revision}


@operation(on=on_layer)
def remove_layer_version_permission(ctx: Context, req: dict[str, Any]) -> None:
    ctx, name = _place(ctx, req["LayerName"])
    version = _find(ctx, name, req["VersionNumber"])
    check_revision(req.get("RevisionId"), version.policy_revision, "GetLayerVersionPolicy")
    if req["StatementId"] not in version.statements:
        raise errors.no_statement(req["StatementId"])
    left = {sid: s for sid, s in version.statements.items() if sid != req["StatementId"]}
    ctx.put(replace(version, statements=left, policy_revision=ctx.ids.uuid()))


@operation(on=on_layer)
def get_layer_version_policy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, name = _place(ctx, req["LayerName"])
    version = _find(ctx, name, req["VersionNumber"])
    if not version.statements:
        raise errors.no_policy()
    document = {"Version": "2012-10-17", "Id": "default", "Statement": list(version.statements.values())}
    return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": version.policy_revision}
