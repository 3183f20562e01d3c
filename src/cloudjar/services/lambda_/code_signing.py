"""Code signing configurations, kept and attached to functions. No package here is signed: one that is enforced refuses them all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_.functions import Function, aws_time, find_function
from cloudjar.services.lambda_.names import function_arn, named, on_function, owner

_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@record("lambda.code_signing_config", key="id")
class CodeSigningConfig(Record):
    """Whose signatures count, and what happens to packages without one."""

    id: str
    publishers: tuple[str, ...]
    modified: datetime
    description: str = ""
    policy: str = "Warn"


def _arn(ctx: Context, id: str) -> str:
    return ctx.arn("lambda", f"code-signing-config:{id}")


def _on_config(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["CodeSigningConfigArn"])


def find_config(ctx: Context, arn: str) -> CodeSigningConfig:
    """The configuration with this ARN."""
    found = ctx.get(CodeSigningConfig, arn.rpartition(":")[2])
    if found is None or _arn(ctx, found.id) != arn:
        raise AwsError("ResourceNotFoundException", f"The Lambda code signing config {arn} could not be found.", members={"Type": "User"})
    return found


def _to_wire(ctx: Context, config: CodeSigningConfig) -> dict[str, Any]:
    return {
        "CodeSigningConfigId": config.id,
        "CodeSigningConfigArn": _arn(ctx, config.id),
        "Description": config.description,
        "AllowedPublishers": {"SigningProfileVersionArns": list(config.publishers)},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": config.policy},
        "LastModified": aws_time(config.modified),
    }


@operation()
def create_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_.tags import check_tags

    check_tags(req.get("Tags") or {})
    config = CodeSigningConfig(
        "csc-" + "".join(_LETTERS[byte % 36] for byte in ctx.ids.data(17)),
        tuple(req["AllowedPublishers"]["SigningProfileVersionArns"]),
        ctx.now,
        req.get("Description") or "",
        (req.get("CodeSigningPolicies") or {}).get("UntrustedArtifactOnDeployment") or "Warn",
    )
    ctx.put(config)
    ctx.set_tags(_arn(ctx, config.id), req.get("Tags") or {})
    return {"CodeSigningConfig": _to_wire(ctx, config)}


@operation(on=_on_config)
def get_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"CodeSigningConfig": _to_wire(ctx, find_config(ctx, req["CodeSigningConfigArn"]))}


@operation(on=_on_config)
def update_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    config = find_config(ctx, req["CodeSigningConfigArn"])
    if req.get("Description") is not None:
        config = replace(config, description=req["Description"])
    if req.get("AllowedPublishers"):
        config = replace(config, publishers=tuple(req["AllowedPublishers"]["SigningProfileVersionArns"]))
    if req.get("CodeSigningPolicies"):
        config = replace(config, policy=req["CodeSigningPolicies"].get("UntrustedArtifactOnDeployment") or config.policy)
    return {"CodeSigningConfig": _to_wire(ctx, ctx.put(replace(config, modified=ctx.now)))}


@operation(on=_on_config)
def delete_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    config = find_config(ctx, req["CodeSigningConfigArn"])
    if any(function.code_signing == config.id for function in ctx.where(Function)):
        raise AwsError(
            "ResourceConflictException",
            f"Cannot delete code signing config because it is in use by functions: {_arn(ctx, config.id)}",
            members={"Type": "User"},
        )
    ctx.delete(config)
    ctx.set_tags(_arn(ctx, config.id), {})
    return {}


@operation()
def list_code_signing_configs(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return ctx.page(req, ctx.where(CodeSigningConfig), lambda c: _to_wire(ctx, c), default=50, maximum=50)


@operation(on=_on_config)
def list_functions_by_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    config = find_config(ctx, req["CodeSigningConfigArn"])
    rows = ctx.where(Function).filtered(lambda f: f.code_signing == config.id)
    return ctx.page(req, rows, lambda f: function_arn(ctx, f.name), default=50, maximum=50)


@operation(on=on_function)
def put_function_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    function = find_function(ctx, who.name)
    try:
        config = find_config(ctx, req["CodeSigningConfigArn"])
    except AwsError as error:
        raise AwsError("CodeSigningConfigNotFoundException", error.message, members={"Type": "User"}) from None
    ctx.put(replace(function, code_signing=config.id))
    return {"CodeSigningConfigArn": _arn(ctx, config.id), "FunctionName": who.name}


@operation(on=on_function)
def get_function_code_signing_config(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    function = find_function(ctx, who.name)
    return {"CodeSigningConfigArn": _arn(ctx, function.code_signing) if function.code_signing else "", "FunctionName": who.name}


@operation(on=on_function)
def delete_function_code_signing_config(ctx: Context, req: dict[str, Any]) -> None:
    ctx, who = owner(ctx, req), named(ctx, req)
    ctx.put(replace(find_function(ctx, who.name), code_signing=""))


def checked(ctx: Context, arn: str) -> str:
    """The id of the configuration for a new function, whose package it must let through."""
    try:
        config = find_config(ctx, arn)
    except AwsError as error:
        raise AwsError("CodeSigningConfigNotFoundException", error.message, members={"Type": "User"}) from None
    _check(config)
    return config.id


def check_signed(ctx: Context, function: str) -> None:
    """Refuses a package for a function whose code must be signed: Signer, which could sign it, is not here."""
    found = ctx.get(Function, function)
    config = ctx.get(CodeSigningConfig, found.code_signing) if found is not None and found.code_signing else None
    if config is not None:
        _check(config)


def _check(config: CodeSigningConfig) -> None:
    if config.policy == "Enforce":
        raise AwsError(
            "CodeVerificationFailedException",
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not "
            "configured to accept. Check the provided signature for unsigned.",
            members={"Type": "User"},
        )
