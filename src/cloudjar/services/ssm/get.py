"""Reading parameters: one, several, a hierarchy, a history."""

from __future__ import annotations

from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.errors import AwsError, not_implemented
from cloudjar.kernel.marks import operation
from cloudjar.services.ssm import errors, filters, names, policies, public, secret_references, secure
from cloudjar.services.ssm.names import Reference
from cloudjar.services.ssm.records import Parameter, ParameterVersion, latest_version, parameter_arn


@operation(on=names.named)
def get_parameter(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    return {"Parameter": _get(ctx, req["Name"], bool(req.get("WithDecryption")))}


@operation(on=names.all_named)
def get_parameters(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    invalid: list[str] = []
    for name in dict.fromkeys(req["Names"]):
        try:
            found.append(_get(ctx, name, bool(req.get("WithDecryption"))))
        except AwsError as problem:
            if problem.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            invalid.append(name)
    return {"Parameters": found, "InvalidParameters": invalid}


def _get(ctx: Context, text: str, decrypted: bool) -> dict[str, Any]:
    reference = names.parse(text)
    if reference.name.startswith(secret_references.PREFIX):
        return secret_references.resolve(ctx, reference, decrypted)
    if public.is_public(reference.name):
        return public.to_wire(ctx, public.find(ctx, reference.name))
    home = names.home(ctx, reference)
    parameter = names.lookup(ctx, reference)
    if parameter is None:
        raise errors.parameter_not_found()
    version = _version(home, parameter, reference)
    wire = _to_wire(ctx, parameter, version, decrypted, home)
    if reference.selector:
        wire["Selector"] = f":{reference.selector}"
    return wire


def _version(ctx: Context, parameter: Parameter, reference: Reference) -> ParameterVersion:
    selector = reference.selector
    if not selector:
        return latest_version(ctx, parameter)
    if selector.isdecimal():
        # More digits than any version has do not fit in a key.
        found = ctx.get(ParameterVersion, parameter.name, int(selector)) if len(selector) < 16 else None
        if found is None:
            raise errors.version_not_found(parameter.name, selector)
        return found
    for version in ctx.where(ParameterVersion, name=parameter.name):
        if selector in version.labels:
            return version
    raise errors.label_not_found(parameter.name, selector)


def _to_wire(ctx: Context, parameter: Parameter, version: ParameterVersion, decrypted: bool, home: Context | None = None) -> dict[str, Any]:
    return {
        "Name": parameter.name,
        "Type": parameter.type,
        "Value": _value(ctx, parameter, version, decrypted, home),
        "Version": version.version,
        "LastModifiedDate": version.modified,
        "ARN": parameter_arn(home or ctx, parameter.name),
        "DataType": version.data_type,
    }


def _value(ctx: Context, parameter: Parameter, version: ParameterVersion, decrypted: bool, home: Context | None = None) -> str:
    return secure.decrypt(ctx, version, home or ctx) if decrypted and parameter.type == "SecureString" else version.value


@operation(on=names.under_path)
def get_parameters_by_path(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    path, recursive = req["Path"].strip(), bool(req.get("Recursive"))
    names.check_path(path)
    if public.is_public(path):
        if req.get("ParameterFilters"):
            raise not_implemented("ssm", "GetParametersByPath", "filters of public parameters")
        return public.page(ctx, req, path, recursive)
    rows = ctx.where(Parameter)
    start = path.rstrip("/") + "/"
    if start != "/":
        rows = rows.starting(start).ending(start + "\U0010ffff")
    rows = rows.filtered(lambda parameter: filters.lies_under(parameter.name, path, recursive))
    for test in filters.tests(ctx, req.get("ParameterFilters") or [], by_path=True):
        rows = rows.filtered(test)
    labels = [label for each in req.get("ParameterFilters") or () if each["Key"] == "Label" for label in each.get("Values") or ()]

    def to_wire(parameter: Parameter) -> dict[str, Any]:
        version = _labelled(ctx, parameter, labels) if labels else latest_version(ctx, parameter)
        return _to_wire(ctx, parameter, version, bool(req.get("WithDecryption")))

    return ctx.page(req, rows, to_wire, default=10, maximum=10, error=errors.invalid_token())


def _labelled(ctx: Context, parameter: Parameter, labels: list[str]) -> ParameterVersion:
    return next(version for version in ctx.where(ParameterVersion, name=parameter.name) if set(version.labels) & set(labels))


@operation(on=names.named)
def get_parameter_history(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    reference = names.parse(req["Name"])
    home = names.home(ctx, reference)
    parameter = home.get(Parameter, reference.name)
    if parameter is None:
        raise errors.parameter_not_found()

    def to_wire(version: ParameterVersion) -> dict[str, Any]:
        return {
            **metadata(ctx, parameter, version),
            "Value": _value(ctx, parameter, version, bool(req.get("WithDecryption")), home),
            "Labels": version.labels,
        }

    return ctx.page(req, home.where(ParameterVersion, name=parameter.name), to_wire, default=50, maximum=50, error=errors.invalid_token())


@operation()
def describe_parameters(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("Shared"):
        raise not_implemented("ssm", "DescribeParameters", "parameters that other accounts share")
    if req.get("Filters") and req.get("ParameterFilters"):
        raise errors.two_kinds_of_filters()
    rows = ctx.where(Parameter)
    for test in (
        *filters.tests(ctx, req.get("ParameterFilters") or [], by_path=False),
        *filters.older_tests(ctx, req.get("Filters") or []),
    ):
        rows = rows.filtered(test)

    def to_wire(parameter: Parameter) -> dict[str, Any]:
        wire = metadata(ctx, parameter, latest_version(ctx, parameter))
        return {**wire, "ARN": parameter_arn(ctx, parameter.name), "Policies": policies.to_wire(ctx, parameter)}

    return ctx.page(req, rows, to_wire, default=50, maximum=50, error=errors.invalid_token())


def metadata(ctx: Context, parameter: Parameter, version: ParameterVersion) -> dict[str, Any]:
    """What DescribeParameters and GetParameterHistory say alike."""
    wire: dict[str, Any] = {
        "Name": parameter.name,
        "Type": parameter.type,
        "LastModifiedDate": version.modified,
        "LastModifiedUser": version.user,
        "Version": version.version,
        "Tier": version.tier,
        "Policies": [],
        "DataType": version.data_type,
    }
    for member, value in (("KeyId", version.key_id), ("Description", version.description), ("AllowedPattern", version.allowed_pattern)):
        if value:
            wire[member] = value
    return wire
