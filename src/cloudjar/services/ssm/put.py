"""PutParameter and DeleteParameter."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel import tags
from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.services.ssm import data_types, errors, names, policies, secure, settings, sharing
from cloudjar.services.ssm.records import Parameter, ParameterVersion, latest_version, parameter_arn

STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192
VERSIONS_KEPT = 100


@operation(on=names.named)
def put_parameter(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["Name"].strip()
    names.check_new(ctx, name)
    old = ctx.get(Parameter, name)
    _check_request(req, old)
    previous = latest_version(ctx, old) if old else None
    kind = req.get("Type") or (old.type if old else "")
    if not kind:
        raise errors.type_needed()
    if old is not None and old.type != kind:
        raise errors.type_changes()
    value = req["Value"]
    given = policies.parse(req["Policies"]) if "Policies" in req else None
    # Policies stay until others, or none, are sent.
    kept = (old.policies if old else []) if given is None else given
    tier = _tier(req.get("Tier") or settings.default_tier(ctx), "Tier" in req, old, len(value.encode()), bool(kept))
    pattern = req.get("AllowedPattern", previous.allowed_pattern if previous else "")
    _check_value(value, pattern, tier, bool(kept))
    data_type = data_types.chosen(req.get("DataType"), previous.data_type if previous else None, kind)
    data_types.check(data_type, kind, value)
    number = old.latest + 1 if old else 1
    if data_type == data_types.IMAGE and not data_types.is_image(ctx, value):
        # AWS answers first and looks then: the caller learns it from the event alone.
        announce_failure(ctx, "Update" if old else "Create", name)
        return {"Version": number, "Tier": tier}
    key_id = _key(req, kind, previous)
    version = ParameterVersion(
        name,
        number,
        secure.encrypt(ctx, name, value, key_id, tier) if kind == "SecureString" else value,
        ctx.now,
        ctx.principal.arn,
        data_type=data_type,
        description=req.get("Description", previous.description if previous else ""),
        allowed_pattern=pattern,
        key_id=key_id,
        tier=tier,
        policies=kept,
    )
    if old is not None and version.version > VERSIONS_KEPT:
        _forget_oldest(ctx, name)
    ctx.put(version)
    done = old.done if old is not None and given is None else []
    # A change starts the period of NoChangeNotification anew.
    parameter = ctx.put(Parameter(name, kind, version.version, tier, kept, [each for each in done if each != policies.NO_CHANGE]))
    if req.get("Tags"):
        added = tags.from_list(req["Tags"])
        tags.check(added)
        ctx.set_tags(parameter_arn(ctx, name), added)
    policies.schedule(ctx, parameter)
    announce(ctx, "Update" if old else "Create", parameter, version.description)
    return {"Version": version.version, "Tier": tier}


def _check_request(req: dict[str, Any], old: Parameter | None) -> None:
    if req.get("Overwrite") and req.get("Tags"):
        raise errors.tags_with_overwrite()
    if old is not None and not req.get("Overwrite"):
        raise errors.parameter_exists()


def _check_value(value: str, pattern: str, tier: str, has_policies: bool) -> None:
    if not value:
        raise errors.empty_value()
    if re.search(r"\{\{.*\}\}", value, re.DOTALL):
        raise errors.nested_value()
    size = len(value.encode())
    if size > ADVANCED_BYTES:
        raise errors.too_long_for_advanced()
    if tier == "Standard" and size > STANDARD_BYTES:
        raise errors.too_long_for_standard()
    if tier == "Standard" and has_policies:
        raise errors.policies_need_advanced()
    if pattern:
        try:
            found = re.search(pattern, value)
        except re.error:
            raise errors.bad_pattern(pattern) from None
        if not found:
            raise errors.pattern_mismatch(pattern)


def _tier(wanted: str, named: bool, old: Parameter | None, size: int, has_policies: bool) -> str:
    """The tier of a new version; `named` tells whether the request says it, or the account's setting."""
    if wanted == "Intelligent-Tiering":
        advanced = size > STANDARD_BYTES or has_policies or (old is not None and old.tier == "Advanced")
        return "Advanced" if advanced else "Standard"
    if old is not None and old.tier == "Advanced":
        if named and wanted == "Standard":
            raise errors.no_downgrade()
        return "Advanced"
    return wanted


def _key(req: dict[str, Any], kind: str, previous: ParameterVersion | None) -> str:
    if kind != "SecureString":
        if req.get("KeyId"):
            raise errors.key_without_secure_string()
        return ""
    return req.get("KeyId") or (previous.key_id if previous else "") or secure.DEFAULT_KEY


def _forget_oldest(ctx: Context, name: str) -> None:
    oldest = ctx.where(ParameterVersion, name=name).first()
    assert oldest is not None
    if oldest.labels:
        raise errors.too_many_versions(name, oldest.version)
    ctx.delete(oldest)


def announce(ctx: Context, what: str, parameter: Parameter, description: str) -> None:
    """Publishes a change."""
    detail = {"operation": what, "name": parameter.name, "type": parameter.type}
    if description:
        detail["description"] = description
    ctx.emit("aws.ssm", "Parameter Store Change", detail, [parameter_arn(ctx, parameter.name)])


def announce_failure(ctx: Context, what: str, name: str) -> None:
    """Publishes that a parameter was not made or changed, because its image is not there for the caller."""
    detail = {"exception": "Unable to Describe Resource", "dataType": data_types.IMAGE, "name": name, "type": "String", "operation": what}
    ctx.emit("aws.ssm", "Parameter Store Change", detail, [parameter_arn(ctx, name)])


@operation(on=names.named)
def delete_parameter(ctx: Context, req: dict[str, Any]) -> None:
    parameter = ctx.get(Parameter, req["Name"].strip())
    if parameter is None:
        raise errors.parameter_not_found()
    remove(ctx, parameter)


@operation(on=names.all_named)
def delete_parameters(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    deleted, invalid = [], []
    for name in dict.fromkeys(req["Names"]):
        parameter = ctx.get(Parameter, name.strip())
        if parameter is None:
            invalid.append(name)
            continue
        remove(ctx, parameter)
        deleted.append(name)
    return {"DeletedParameters": deleted, "InvalidParameters": invalid}


def remove(ctx: Context, parameter: Parameter) -> None:
    """Ends a parameter, its versions and tags."""
    description = latest_version(ctx, parameter).description
    for version in list(ctx.where(ParameterVersion, name=parameter.name)):
        ctx.delete(version)
    ctx.delete(parameter)
    sharing.forget(ctx, parameter.name)
    ctx.set_tags(parameter_arn(ctx, parameter.name), {})
    announce(ctx, "Delete", parameter, description)
