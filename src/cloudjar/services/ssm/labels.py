"""Labels: names for versions, which can be moved."""

from __future__ import annotations

import re
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.marks import operation
from cloudjar.kernel.records import replace
from cloudjar.services.ssm import errors, names
from cloudjar.services.ssm.put import announce
from cloudjar.services.ssm.records import Parameter, ParameterVersion

LABELS = 10
"""Labels of one version."""
_LABEL = re.compile(r"[A-Za-z_.\-][A-Za-z0-9_.\-]{0,99}").fullmatch
_RESERVED_LABEL = re.compile(r"(aws|ssm)", re.IGNORECASE).match


@operation(on=names.named)
def label_parameter_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    version = _labelled(ctx, req)
    invalid = [label for label in req["Labels"] if not _LABEL(label) or _RESERVED_LABEL(label)]
    wanted = [label for label in dict.fromkeys(req["Labels"]) if label not in invalid]
    if len({*version.labels, *wanted}) > LABELS:
        raise errors.too_many_labels(version.name, version.version)
    moved = [label for label in wanted if label not in version.labels]
    for other in list(ctx.where(ParameterVersion, name=version.name)) if moved else ():
        if set(other.labels) & set(moved):
            ctx.put(replace(other, labels=[label for label in other.labels if label not in moved]))
    ctx.put(replace(version, labels=[*version.labels, *moved]))
    parameter = ctx.get(Parameter, version.name)
    if moved and parameter is not None:
        announce(ctx, "LabelParameterVersion", parameter, version.description)
    return {"InvalidLabels": invalid, "ParameterVersion": version.version}


@operation(on=names.named)
def unlabel_parameter_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    version = _labelled(ctx, req)
    removed = [label for label in req["Labels"] if label in version.labels]
    ctx.put(replace(version, labels=[label for label in version.labels if label not in removed]))
    return {"RemovedLabels": removed, "InvalidLabels": [label for label in req["Labels"] if label not in removed]}


def _labelled(ctx: Context, req: dict[str, Any]) -> ParameterVersion:
    parameter = ctx.get(Parameter, req["Name"].strip())
    if parameter is None:
        raise errors.parameter_not_found()
    number = req.get("ParameterVersion") or parameter.latest
    found = ctx.get(ParameterVersion, parameter.name, number)
    if found is None:
        raise errors.version_not_found(parameter.name, str(number))
    return found
