"""Functions and their versions: the records, and how they look from outside."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from msgspec import Struct

from cloudjar.kernel.blobs import Blob
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation, timer
from cloudjar.kernel.records import Record, record, replace
from cloudjar.services.lambda_ import errors
from cloudjar.services.lambda_.names import LATEST, function_arn, named, on_function, owner, version_number


class Code(Struct, frozen=True):
    """A deployment package."""

    blob: Blob
    sha256: str
    """Base64, as Lambda reports it."""
    size: int
    unzipped: int = 0
    """Bytes when unpacked."""
    folder: str = ""
    """A folder of this machine that the code stays in (hot-reload); "" for a package."""
    kms_key: str = ""
    data_key: bytes = b""
    """The customer's key, and under it the key that the package is encrypted with; "" for one that is not."""


@record("lambda.function", key="name")
class Function(Record):
    """What all versions of a function share."""

    name: str
    created: datetime
    last_version: int = 0
    reserved_concurrency: int | None = None
    recursive_loop: str = "Terminate"
    code_signing: str = ""
    """The id of its code signing configuration."""


@record("lambda.version", key=("name", "number"), blobs=lambda v: [v.code.blob.id] if v.code.blob.id else [])
class Version(Record):
    """One version of a function: its code and configuration. Number 0 is $LATEST, the only one that changes."""

    name: str
    number: int
    code: Code
    role: str
    runtime: str
    handler: str
    modified: datetime
    revision: str
    description: str = ""
    timeout_seconds: int = 3
    memory_mb: int = 128
    storage_mb: int = 512
    environment: dict[str, str] | None = None
    """None where there is none, or where it is sealed."""
    kms_key: str = ""
    sealed: bytes = b""
    """The variables under `kms_key`."""
    layers: tuple[str, ...] = ()
    architecture: str = "x86_64"
    log_group: str = ""
    """"" means /aws/lambda/NAME."""
    log_format: str = "Text"
    application_log_level: str = ""
    system_log_level: str = ""
    tracing: str = "PassThrough"
    dead_letter_arn: str = ""
    tenant_isolation: str = ""
    """Or "PER_TENANT", for good."""
    durable: tuple[int, int] | None = None
    """Of a durable function: what an execution may take, in seconds, and how many days its history is kept."""
    snap_start: str = "None"
    """Or "PublishedVersions"."""
    state: str = "Active"
    state_reason: str = ""
    state_reason_code: str = ""
    """Why it has failed."""
    update_status: str = "Successful"

    @property
    def label(self) -> str:
        """ "$LATEST", "1", "2", ..."""
        return str(self.number) if self.number else LATEST

    @property
    def has_snapshot(self) -> bool:
        """Whether its environments are initialised when it is published (SnapStart), and not when it is called."""
        return bool(self.number) and self.snap_start == "PublishedVersions"

    @property
    def logs_to(self) -> str:
        """The log group that its output goes to."""
        return self.log_group or f"/aws/lambda/{self.name}"


def find_function(ctx: Context, name: str, qualifier: str = "") -> Function:
    """The function of that name; ResourceNotFoundException if there is none."""
    found = ctx.get(Function, name)
    if found is None:
        raise errors.function_not_found(function_arn(ctx, name, qualifier))
    return found


def find_version(ctx: Context, name: str, qualifier: str = "") -> Version:
    """The version that a qualifier means: $LATEST for "", a number, or where an alias points."""
    found = None
    if qualifier in ("", LATEST):
        found = ctx.get(Version, name, 0)
    elif (number := version_number(qualifier)) is not None:
        found = ctx.get(Version, name, number) if number else None
    else:
        from cloudjar.services.lambda_.aliases import Alias

        alias = ctx.get(Alias, name, qualifier)
        if alias is not None:
            found = ctx.get(Version, name, alias.version)
    if found is None:
        raise errors.function_not_found(function_arn(ctx, name, qualifier))
    return found


def check_revision(wanted: str | None, revision: str, kind: str = "GetFunction/GetAlias") -> None:
    """Refuses a change that was made against an older state."""
    if wanted and wanted != revision:
        raise errors.revision_mismatch(kind)


def runtime_version_arn(ctx: Context, runtime: str) -> str:
    """Names what runs a runtime. AWS's carry the digest of a build of theirs; here it is the runtime's name that is digested."""
    return f"arn:{ctx.partition}:lambda:{ctx.region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"


def aws_time(moment: datetime) -> str:
    """As Lambda writes it: 2026-11-23T05:00:00.000+0000."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def version_to_wire(ctx: Context, version: Version, qualifier: str = "") -> dict[str, Any]:
    """A FunctionConfiguration. The ARN carries the qualifier that the caller used."""
    label = qualifier or (version.label if version.number else "")
    wire: dict[str, Any] = {
        "FunctionName": version.name,
        "FunctionArn": function_arn(ctx, version.name, label),
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size,
        "Description": version.description,
        "Timeout": version.timeout_seconds,
        "MemorySize": version.memory_mb,
        "LastModified": aws_time(version.modified),
        "CodeSha256": version.code.sha256,
        "Version": version.label,
        "TracingConfig": {"Mode": version.tracing},
        "RevisionId": version.revision,
        "State": version.state,
        "LastUpdateStatus": version.update_status,
        "PackageType": "Zip",
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.storage_mb},
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_version_arn(ctx, version.runtime)},
        "SnapStart": {
            "ApplyOn": version.snap_start,
            "OptimizationStatus": "On" if version.has_snapshot and version.state == "Active" else "Off",
        },
        "LoggingConfig": {"LogFormat": version.log_format, "LogGroup": version.logs_to},
    }
    if version.log_format == "JSON":
        wire["LoggingConfig"] |= {
            "ApplicationLogLevel": version.application_log_level or "INFO",
            "SystemLogLevel": version.system_log_level or "INFO",
        }
    if version.state == "Pending":
        wire |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    if version.state_reason_code:
        wire |= {"StateReason": version.state_reason, "StateReasonCode": version.state_reason_code}
    if version.update_status == "InProgress" and version.state == "Active":
        wire |= {"LastUpdateStatusReason": "The function is being created.", "LastUpdateStatusReasonCode": "Creating"}
    if version.environment is not None:
        wire["Environment"] = {"Variables": version.environment}
    if version.kms_key:
        wire["KMSKeyArn"] = version.kms_key
    if version.sealed:
        from cloudjar.services.lambda_ import sealed_environment

        wire["Environment"] = sealed_environment.to_wire(ctx, version)
    if version.tenant_isolation:
        wire["TenancyConfig"] = {"TenantIsolationMode": version.tenant_isolation}
    if version.durable is not None:
        wire["DurableConfig"] = {"ExecutionTimeout": version.durable[0], "RetentionPeriodInDays": version.durable[1]}
    if version.dead_letter_arn:
        wire["DeadLetterConfig"] = {"TargetArn": version.dead_letter_arn}
    if version.layers:
        from cloudjar.services.lambda_.layers import layer_reference

        wire["Layers"] = [layer_reference(ctx, arn) for arn in version.layers]
    return wire


@timer
def settle(ctx: Context, name: str, number: int) -> None:
    """A new or changed function is ready."""
    version = ctx.get(Version, name, number)
    if version is not None:
        ctx.put(replace(version, state="Active", update_status="Successful"))


@operation(on=on_function)
def get_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_ import sealed_code

    ctx, who = owner(ctx, req), named(ctx, req)
    version = find_version(ctx, who.name, who.qualifier)
    function = find_function(ctx, who.name)
    wire: dict[str, Any] = {
        "Configuration": version_to_wire(ctx, version, who.qualifier),
        "Code": sealed_code.to_wire(ctx, version, code_location(ctx, "function", who.name, version.number)),
    }
    tags = ctx.tags(function_arn(ctx, who.name))
    if tags:
        wire["Tags"] = tags
    if function.reserved_concurrency is not None and not who.qualifier:
        wire["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return wire


def code_location(ctx: Context, kind: str, name: str, version: int) -> str:
    """A URL of this jar's own from which a package can be fetched."""
    base = ctx.call_info.url or "http://localhost:4566"
    return f"{base}/_cloudjar/lambda/package?kind={kind}&account={ctx.account}&region={ctx.region}&name={name}&version={version}"


@operation(on=on_function)
def get_function_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    ctx, who = owner(ctx, req), named(ctx, req)
    return version_to_wire(ctx, find_version(ctx, who.name, who.qualifier), who.qualifier)


@operation()
def list_functions(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    rows = ctx.where(Version)
    if req.get("MasterRegion"):
        # Only replicas of Lambda@Edge functions have a master Region, and there are none.
        rows = rows.filtered(lambda v: False)
    if req.get("FunctionVersion") == "ALL":
        return ctx.page(req, rows, lambda v: version_to_wire(ctx, v, v.label), default=50, maximum=50)
    return ctx.page(req, rows.filtered(lambda v: v.number == 0), lambda v: version_to_wire(ctx, v), default=50, maximum=50)


@operation(on=on_function)
def delete_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    from cloudjar.services.lambda_.aliases import Alias
    from cloudjar.services.lambda_.event_invoke import EventInvokeConfig
    from cloudjar.services.lambda_.function_urls import FunctionUrl, remove
    from cloudjar.services.lambda_.policies import Policy
    from cloudjar.services.lambda_.pool import retire
    from cloudjar.services.lambda_.provisioned import forget

    ctx, who = owner(ctx, req), named(ctx, req)
    function = find_function(ctx, who.name, who.qualifier)
    if who.qualifier:
        number = version_number(who.qualifier)
        if number is None:
            if who.qualifier == LATEST:
                raise errors.invalid("$LATEST version cannot be deleted without deleting the function.")
            raise errors.invalid("Deletion of aliases is not currently supported.")
        version = ctx.get(Version, who.name, number) if number else None
        if version is None:
            return {"StatusCode": 204}
        pointing = [a.name for a in ctx.where(Alias, function=who.name) if version.number in (a.version, *map(int, a.weights))]
        if pointing:
            raise errors.version_has_aliases(pointing)
        ctx.delete(version)
        retire(ctx, who.name, version.number)
        return {"StatusCode": 204}
    ctx.delete(function)
    for version in list(ctx.where(Version, name=who.name)):
        ctx.delete(version)
    for alias in list(ctx.where(Alias, function=who.name)):
        ctx.delete(alias)
    for policy in list(ctx.where(Policy, function=who.name)):
        ctx.delete(policy)
    for config in list(ctx.where(EventInvokeConfig, function=who.name)):
        ctx.delete(config)
    for url in list(ctx.where(FunctionUrl, function=who.name)):
        remove(ctx, url)
    forget(ctx, who.name)
    ctx.set_tags(function_arn(ctx, who.name), {})
    retire(ctx, who.name, None)
    return {"StatusCode": 204}
