"""What Parameter Store keeps: parameters, and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cloudjar.kernel.context import Context
from cloudjar.kernel.records import Record, record


@record("ssm.parameter", key="name")
class Parameter(Record):
    """A parameter; its values are its versions'."""

    name: str
    type: str
    latest: int
    tier: str = "Standard"
    policies: list[dict[str, Any]] = []
    """As given: Type, Version, Attributes."""
    done: list[str] = []
    """The types of the policies that have acted."""


@record("ssm.parameter_version", key=("name", "version"))
class ParameterVersion(Record):
    """One version of a parameter."""

    name: str
    version: int
    value: str
    """A SecureString's is ciphertext, in base64."""
    modified: datetime
    user: str
    data_type: str = "text"
    description: str = ""
    allowed_pattern: str = ""
    key_id: str = ""
    labels: list[str] = []
    tier: str = "Standard"
    policies: list[dict[str, Any]] = []


def parameter_arn(ctx: Context, name: str) -> str:
    """The ARN: the slash that a path starts with is not doubled."""
    return ctx.arn("ssm", f"parameter/{name.removeprefix('/')}")


def latest_version(ctx: Context, parameter: Parameter) -> ParameterVersion:
    """The newest version; every parameter has one."""
    found = ctx.get(ParameterVersion, parameter.name, parameter.latest)
    assert found is not None
    return found
