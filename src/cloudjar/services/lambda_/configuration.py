"""Creating functions, and changing their code and configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.lambda_ import (
    code,
    code_signing,
    destinations,
    errors,
    interpreters,
    runtimes,
    sealed_environment,
    snap_start,
    tenancy,
)
from cloudjar.services.lambda_.deploy import UNZIPPED_LIMIT
from cloudjar.services.lambda_.durable_executions import EXECUTION_SECONDS, RETENTION_DAYS, durable_config
from cloudjar.services.lambda_.functions import (
    Code,
    Function,
    Version,
    check_revision,
    find_function,
    find_version,
    settle,
    version_to_wire,
)
from cloudjar.services.lambda_.layers import check_layers, layer_code
from cloudjar.services.lambda_.life_cycle import judged_at
from cloudjar.services.lambda_.names import LATEST, function_arn, named, on_function
from cloudjar.services.lambda_.pool import expect, retire
from cloudjar.services.lambda_.tags import check_tags
from cloudjar.services.lambda_.versions import publish

_ENVIRONMENT_LIMIT = 4096
_LONGEST_SECONDS, _LARGEST_MEMORY_MB = 900, 10_240
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Defined runtime environment variables", reserved ones.
_RESERVED = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    ]
)


def _unsupported(req: dict[str, Any], op: str) -> None:
    """Refuses what would otherwise be silently ignored."""

    def no(detail: str) -> AwsError:
        return not_implemented("lambda", op, detail)

    if req.get("PackageType") == "Image" or req.get("ImageConfig"):
        raise no("container images need an image registry, which this jar does not have yet; use a .zip package")
    vpc = req.get("VpcConfig") or {}
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
        raise no("VpcConfig")
    for member in (
        "FileSystemConfigs",
        "CapacityProviderConfig",
        "RuntimeConfig",
        "AcceleratorConfig",
        "PublishTo",
    ):
        if req.get(member):
            raise no(member)


def _environment(req: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = req["Environment"].get("Variables") or {}
    refused = [name for name in variables if name in _RESERVED]
    if refused:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains "
            f"reserved keys that are currently not supported for modification. Reserved keys used in this request: {', '.join(refused)}"
        )
    if any("\0" in value for value in variables.values()):
        raise errors.invalid("Environment variables may not contain a null character.")
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _ENVIRONMENT_LIMIT:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the "
            f"4KB limit. String measured: {measured}"
        )
    return variables


def _settings(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Version that a create or update request sets."""
    fields: dict[str, Any] = {}
    simple = (
        ("Role", "role"),
        ("Runtime", "runtime"),
        ("Handler", "handler"),
        ("Description", "description"),
        ("Timeout", "timeout_seconds"),
        ("MemorySize", "memory_mb"),
    )
    for member, field in simple:
        if req.get(member) is not None:
            fields[field] = req[member]
    if fields.get("timeout_seconds", 0) > _LONGEST_SECONDS:
        constraint = f"Member must have value less than or equal to {_LONGEST_SECONDS}"
        raise errors.validation(fields["timeout_seconds"], "timeout", constraint)
    if fields.get("memory_mb", 0) > _LARGEST_MEMORY_MB:
        # More is for managed instances.
        raise errors.invalid(
            f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {_LARGEST_MEMORY_MB}"
        )
    if "\0" in (req.get("Handler") or ""):
        raise errors.invalid("The handler may not contain a null character.")
    if req.get("Environment") is not None:
        fields["environment"] = _environment(req) or None
    if req.get("KMSKeyArn") is not None:
        fields["kms_key"] = req["KMSKeyArn"]
    if req.get("EphemeralStorage"):
        fields["storage_mb"] = req["EphemeralStorage"]["Size"]
    if req.get("Layers") is not None:
        fields["layers"] = check_layers(ctx, req["Layers"])
    if (req.get("SnapStart") or {}).get("ApplyOn"):
        fields["snap_start"] = req["SnapStart"]["ApplyOn"]
    if (req.get("TracingConfig") or {}).get("Mode"):
        fields["tracing"] = req["TracingConfig"]["Mode"]
    if req.get("LoggingConfig"):
        fields |= _logging(req["LoggingConfig"])
    if req.get("DeadLetterConfig") is not None:
        fields["dead_letter_arn"] = _dead_letter(req["DeadLetterConfig"].get("TargetArn") or "")
    if req.get("Architectures"):
        fields["architecture"] = req["Architectures"][0]
    return fields


def _logging(given: dict[str, Any]) -> dict[str, Any]:
    json_format = given.get("LogFormat") == "JSON"
    levels = [given.get("ApplicationLogLevel"), given.get("SystemLogLevel")]
    if any(levels) and not json_format:
        raise errors.invalid("To set ApplicationLogLevel or SystemLogLevel, LogFormat must be JSON.")
    return {
        "log_group": given.get("LogGroup") or "",
        "log_format": given.get("LogFormat") or "Text",
        "application_log_level": levels[0] or "",
        "system_log_level": levels[1] or "",
    }


def _dead_letter(arn: str) -> str:
    if arn and arn.split(":")[2:3] not in (["sqs"], ["sns"]):
        raise errors.invalid(
            f"The provided dead letter config target {arn} is invalid: it must be an Amazon SQS queue or Amazon SNS topic."
        )
    return arn


def _check_dead_letter(ctx: Context, role: str, arn: str) -> None:
    if arn and not destinations.may_send(ctx, role, arn):
        service, action = destinations.CALLS[arn.split(":")[2]]
        raise errors.invalid(f"The provided execution role does not have permissions to call {action} on {service.upper()}")


def _check_role(ctx: Context, role: str, name: str) -> None:
    """Lambda tries the role when it is set, and keeps nothing of the session."""
    try:
        ctx.assume(role, "lambda.amazonaws.com", function_arn(ctx, name))
    except AwsError as error:
        if error.code in ("AccessDenied", "NoSuchEntity"):
            raise errors.role_not_assumable() from None
        raise


def _check_runnable(runtime: runtimes.Runtime, op: str) -> None:
    """Refuses runtimes that this machine cannot run, saying what to install."""
    missing = interpreters.missing(runtime)
    if missing:
        raise not_implemented("lambda", op, missing)


@operation(on=on_function)
async def create_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    _unsupported(req, "CreateFunction")
    if not req.get("Runtime") or not req.get("Handler"):
        raise errors.invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    if who.qualifier:
        raise errors.invalid("The function name may not carry a version or alias.")
    with ctx.transaction():
        now = judged_at(ctx)
        runtime = runtimes.runtime_named(req["Runtime"], now)
        runtimes.may_create(runtime, now)
        _check_runnable(runtime, "CreateFunction")
        check_tags(req.get("Tags") or {})
        settings = _settings(ctx, req)
        snap_start.check(settings.get("snap_start", "None"), runtime, settings.get("storage_mb", 512))
        if req.get("DurableConfig"):
            settings["durable"] = durable_config(req["DurableConfig"], (EXECUTION_SECONDS, RETENTION_DAYS))
        if req.get("TenancyConfig"):
            settings["tenant_isolation"] = req["TenancyConfig"]["TenantIsolationMode"]
            if settings.get("snap_start", "None") != "None":
                raise errors.invalid("SnapStart is not supported for functions enabled with tenancy configuration.")
        if ctx.get(Function, who.name):
            raise errors.function_exists(who.name)
        _check_role(ctx, req["Role"], who.name)
        _check_dead_letter(ctx, req["Role"], settings.get("dead_letter_arn", ""))
        signing = code_signing.checked(ctx, req["CodeSigningConfigArn"]) if req.get("CodeSigningConfigArn") else ""
    package = await code.fetch(ctx, req["Code"], "CreateFunction", who.name)
    with ctx.transaction():
        _check_size(ctx, package, settings.get("layers", ()))
        if ctx.get(Function, who.name):
            raise errors.function_exists(who.name)
        settings = sealed_environment.settle(ctx, who.name, settings, req["Role"])
        ctx.put(Function(who.name, ctx.now, code_signing=signing))
        version = ctx.put(
            Version(
                name=who.name,
                number=0,
                code=package,
                modified=ctx.now,
                revision=ctx.ids.uuid(),
                state="Pending",
                update_status="InProgress",
                **settings,
            )
        )
        ctx.after(settle, who.name, 0)
        expect(ctx, version)
        if req.get("Tags"):
            ctx.set_tags(function_arn(ctx, who.name), req["Tags"])
        if req.get("Publish"):
            published = publish(ctx, version, "")
            return version_to_wire(ctx, published) | {"FunctionArn": function_arn(ctx, who.name, published.label)}
        wire = version_to_wire(ctx, version)
        # A function that is being created has no last update.
        del wire["LastUpdateStatus"]
        return wire


@operation(on=on_function)
async def update_function_code(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    _unsupported(req, "UpdateFunctionCode")
    with ctx.transaction():
        find_function(ctx, who.name)
        old = find_version(ctx, who.name)
        _check_latest(who.qualifier)
        check_revision(req.get("RevisionId"), old.revision)
        runtimes.may_update(runtimes.RUNTIMES[old.runtime], judged_at(ctx))
        code_signing.check_signed(ctx, who.name)
    package = await code.fetch(ctx, req, "UpdateFunctionCode", who.name)
    with ctx.transaction():
        old = find_version(ctx, who.name)
        _check_size(ctx, package, old.layers)
        check_revision(req.get("RevisionId"), old.revision)
        architecture = (req.get("Architectures") or [old.architecture])[0]
        version = replace(
            old, code=package, architecture=architecture, modified=ctx.now, revision=ctx.ids.uuid(), update_status="InProgress"
        )
        if req.get("DryRun"):
            return version_to_wire(ctx, replace(version, update_status="Successful"))
        ctx.put(version)
        ctx.after(settle, who.name, 0)
        retire(ctx, who.name)
        expect(ctx, version)
        if req.get("Publish"):
            return version_to_wire(ctx, publish(ctx, version, ""))
        return version_to_wire(ctx, version)


@operation(on=on_function)
def update_function_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    who = named(ctx, req)
    _unsupported(req, "UpdateFunctionConfiguration")
    old = find_version(ctx, who.name)
    _check_latest(who.qualifier)
    check_revision(req.get("RevisionId"), old.revision)
    before, now = runtimes.RUNTIMES[old.runtime], judged_at(ctx)
    after = runtimes.runtime_named(req.get("Runtime") or old.runtime, now)
    runtimes.may_update(after, now)
    runtimes.may_move(before, after, now)
    _check_runnable(after, "UpdateFunctionConfiguration")
    settings = _settings(ctx, req)
    snap_start.check(settings.get("snap_start", old.snap_start), after, settings.get("storage_mb", old.storage_mb))
    if req.get("DurableConfig"):
        if old.durable is None:
            raise errors.invalid("DurableConfig can be set when a function is created, and not added later.")
        settings["durable"] = durable_config(req["DurableConfig"], old.durable)
    if settings.get("snap_start", "None") != "None":
        tenancy.refuse(ctx, who.name, "SnapStart")
    _check_size(ctx, old.code, settings.get("layers", old.layers))
    if req.get("Role") and req["Role"] != old.role:
        _check_role(ctx, req["Role"], who.name)
    _check_dead_letter(ctx, settings.get("role", old.role), settings.get("dead_letter_arn", ""))
    settings = sealed_environment.settle(ctx, who.name, settings, settings.get("role", old.role), old)
    version = ctx.put(replace(old, **settings, modified=ctx.now, revision=ctx.ids.uuid(), update_status="InProgress"))
    ctx.after(settle, who.name, 0)
    retire(ctx, who.name)
    expect(ctx, version)
    return version_to_wire(ctx, version)


def _check_size(ctx: Context, package: Code, layers: Sequence[str]) -> None:
    unzipped = package.unzipped + sum(layer_code(ctx, arn).unzipped for arn in layers)
    if unzipped > UNZIPPED_LIMIT:
        raise errors.invalid(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_LIMIT} bytes. "
            f"The actual size is {unzipped} bytes."
        )


def _check_latest(qualifier: str) -> None:
    if qualifier not in ("", LATEST):
        raise errors.invalid("Only the $LATEST version of a function can be changed.")
